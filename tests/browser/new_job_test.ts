import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { Dashboard, LINE_MODULE, REFUSED } from "./dashboard.ts";

// One browser serves the tests of the file, so what it keeps open between them is no leak.
const options = { sanitizeOps: false, sanitizeResources: false };
let dashboard: Dashboard;
/** A folder that submissions may ask to read. */
let folder: string;

Deno.test.beforeAll(async () => {
  folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "onthefly-pets-" }));
  dashboard = await Dashboard.start("--allow-read", folder);
});
Deno.test.afterAll(async () => {
  await dashboard[Symbol.asyncDispose]();
  await Deno.remove(folder, { recursive: true });
});

Deno.test(
  "new job form tells the syntax before it submits, with the position",
  options,
  async () => {
    await using opened = await dashboard.open("/new");
    opened.expected = REFUSED;
    await opened.page.getByRole("textbox", { name: /^Module/ }).fill(
      "export default defineJob({\n  project: ,\n});",
    );
    await opened.reads("[data-syntax]", /module\.ts:2:12 /);
    await opened.page.getByRole("textbox", { name: /^Module/ }).fill(LINE_MODULE);
    await opened.reads("[data-syntax]", "Syntax is good, project line, name baseline");
  },
);

Deno.test(
  "new job form shows an error at the field that it names, then starts the job",
  options,
  async () => {
    await using opened = await dashboard.open("/new");
    opened.expected = REFUSED;
    const { page } = opened;
    await page.getByRole("textbox", { name: /^Module/ }).fill(LINE_MODULE);
    await page.locator("#field-config-max_steps").fill("many");
    await page.getByRole("button", { name: "Start training" }).click();
    await opened.reads("[data-field='config.max_steps'] [data-field-error]", /config\.max_steps: /);
    assertEquals(
      await page.evaluate(() => document.activeElement?.id),
      "field-config-max_steps",
    );
    await page.locator("#field-config-max_steps").fill("30");
    await page.locator("#field-run_name").fill("from the page");
    await page.locator("#field-priority").fill("4");
    await page.getByRole("button", { name: "Start training" }).click();
    await page.waitForURL("**/jobs/job-*");
    await opened.reads(".job-title h1", "from the page");
    await opened.reads(".facts div:has(dt:text-is('priority')) dd", "4");
    await opened.reads(".job-title .state", "completed");
    await opened.reads("#live-step", "30");
  },
);

Deno.test("new job form sends the files that were dropped on it", options, async () => {
  await using opened = await dashboard.open("/new");
  const { page } = opened;
  const source = LINE_MODULE.replace("ctx.log(", "ctx.log(await ctx.file('note.txt'), ")
    .replace("data: (ctx)", "data: async (ctx)");
  await page.locator("#field-files").setInputFiles([
    { name: "line.ts", mimeType: "application/typescript", buffer: Buffer.from(source) },
    { name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("noted") },
  ]);
  await opened.reads("label[for=field-module]", "Module (line.ts)");
  await opened.reads("[data-file-list]", "note.txt (5 B)");
  await opened.reads("[data-syntax]", "Syntax is good");
  await page.locator("#field-config-max_steps").fill("3");
  await page.getByRole("button", { name: "Start training" }).click();
  await page.waitForURL("**/jobs/job-*");
  await opened.reads(".job-title .state", "completed");
  const { body } = await dashboard.server.call("GET", new URL(page.url()).pathname);
  assertEquals((body["files"] as { name: string }[]).map((file) => file.name), ["note.txt"]);
});

Deno.test("new job form asks for folders, within what the server grants", options, async () => {
  await Deno.writeTextFile(`${folder}/note.txt`, "noted");
  await using opened = await dashboard.open("/new");
  opened.expected = REFUSED;
  const { page } = opened;
  const source = LINE_MODULE.replace(
    "ctx.log(",
    `ctx.log(Deno.readTextFileSync("${folder}/note.txt"), `,
  );
  await page.getByRole("textbox", { name: /^Module/ }).fill(source);
  await page.locator("#field-config-max_steps").fill("3");
  await opened.reads("#field-permissions-net-hint", "grants none (ONTHEFLY_ALLOW_NET)");
  const read = page.getByLabel("May read folders");
  await read.fill(`${folder}\n/etc`);
  await page.getByRole("button", { name: "Start training" }).click();
  await opened.reads("[data-field='permissions.read'] [data-field-error]", "/etc");
  assertEquals(await page.evaluate(() => document.activeElement?.id), "field-permissions-read");
  await read.fill(folder);
  await page.getByRole("button", { name: "Start training" }).click();
  await page.waitForURL("**/jobs/job-*");
  await opened.reads(".job-title .state", "completed");
  await opened.reads(".facts div:has(dt:text-is('may read')) dd", folder);
});

Deno.test("new job form names the datasets that the module reads", options, async () => {
  for (const name of ["pets", "plants"]) {
    const url = `${dashboard.server.url}/datasets/${name}?file=note.txt`;
    await (await fetch(url, { method: "PUT", body: "noted" })).body?.cancel();
  }
  await using opened = await dashboard.open("/new");
  const { page } = opened;
  const source = LINE_MODULE.replace("data: (ctx)", "data: async (ctx)")
    .replace("ctx.log(", "ctx.log((await ctx.dataset('pets')).files.join(), ");
  await page.getByRole("textbox", { name: /^Module/ }).fill(source);
  await page.locator("#field-config-max_steps").fill("3");
  await page.getByRole("checkbox", { name: "pets" }).check();
  const picture = Deno.env.get("NEW_JOB_PICTURE");
  if (picture !== undefined) await page.screenshot({ path: picture, fullPage: true });
  await page.getByRole("button", { name: "Start training" }).click();
  await page.waitForURL("**/jobs/job-*");
  await opened.reads(".job-title .state", "completed");
  const { body } = await dashboard.server.call("GET", new URL(page.url()).pathname);
  assertEquals((body["datasets"] as { name: string }[]).map(({ name }) => name), ["pets"]);
});
