import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { Dashboard, LINE_MODULE, REFUSED } from "./dashboard.ts";

// One browser serves the tests of the file, so what it keeps open between them is no leak.
const options = { sanitizeOps: false, sanitizeResources: false };
let dashboard: Dashboard;

Deno.test.beforeAll(async () => {
  dashboard = await Dashboard.start();
});
Deno.test.afterAll(async () => await dashboard[Symbol.asyncDispose]());

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
