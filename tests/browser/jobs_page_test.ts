import { assert, assertEquals, assertMatch } from "@std/assert";
import { Dashboard, LINE_MODULE } from "./dashboard.ts";

// One browser serves the tests of the file, so what it keeps open between them is no leak.
const options = { sanitizeOps: false, sanitizeResources: false };
let dashboard: Dashboard;

Deno.test.beforeAll(async () => {
  dashboard = await Dashboard.start();
});
Deno.test.afterAll(async () => await dashboard[Symbol.asyncDispose]());

Deno.test(
  "empty server shows the three ways to submit, and the first job comes by itself",
  options,
  async () => {
    await using opened = await dashboard.open("/");
    const { page } = opened;
    await opened.reads("#jobs h2", "Three ways to submit");
    assertEquals(await page.locator(".ways li").count(), 3);
    assertMatch(
      await opened.reads(".ways pre", "curl"),
      new RegExp(dashboard.server.url + "/jobs"),
    );
    const job = await dashboard.server.submit(LINE_MODULE);
    await opened.reads(`#row-${job} .state`, "running");
    await page.waitForFunction(
      (id) => document.querySelector(`#row-${id} .sparkline path`) !== null,
      job,
    );
    await dashboard.server.call("POST", `/jobs/${job}/stop`);
    await opened.reads(`#row-${job} .state`, "stopped");
  },
);

Deno.test("forks stand indented below their parent", options, async () => {
  const job = await dashboard.server.submit(LINE_MODULE, { max_steps: 20 });
  await dashboard.server.state(job, "completed");
  const fork = { selection: { kind: "hardest", n: 8 }, start: false };
  const { body } = await dashboard.server.call("POST", `/jobs/${job}/fork`, fork);
  await using opened = await dashboard.open("/");
  await opened.reads(`#row-${body["id"]} .depth-1`, /fork1/);
  await opened.reads(`#row-${job} .depth-0`, /baseline/);
});

Deno.test("filters live in the address", options, async () => {
  const job = await dashboard.server.submit(LINE_MODULE, { max_steps: 5 });
  await dashboard.server.state(job, "completed");
  await using opened = await dashboard.open("/");
  const { page } = opened;
  await page.getByLabel("State").selectOption("failed");
  await opened.reads("#jobs .empty", "No job matches");
  assertEquals(new URL(page.url()).search, "?state=failed");
  await page.getByLabel("State").selectOption("completed");
  await page.getByLabel("Search").fill(job);
  await page.waitForFunction(() => document.querySelectorAll("tr[data-job]").length === 1);
  await page.reload();
  assertEquals(await page.locator("tr[data-job]").count(), 1);
  assertEquals(await page.inputValue("[name=q]"), job);
});

Deno.test(
  "j and k move along the jobs, letters act on the one that has the focus",
  options,
  async () => {
    const job = await dashboard.server.submit(LINE_MODULE);
    await dashboard.server.event(`/jobs/${job}/events?types=trainStep`, () => true);
    await using opened = await dashboard.open("/");
    const { page } = opened;
    await page.keyboard.press("j");
    const focused = () =>
      page.evaluate(() => document.activeElement?.closest<HTMLElement>("tr")?.dataset["job"]);
    const first = await focused();
    await page.keyboard.press("j");
    assert(await focused() !== first);
    await page.keyboard.press("k");
    assertEquals(await focused(), first);
    await page.locator(`#row-${job} a`).focus();
    await page.keyboard.press("p");
    await opened.reads("#receipt", /Paused at step/);
    await opened.reads(`#row-${job} .state`, "paused");
    assertEquals(await focused(), job, "the focus is lost when the list is refreshed");
    await page.keyboard.press("/");
    assertEquals(await page.evaluate(() => document.activeElement?.getAttribute("name")), "q");
    await page.locator(`#row-${job} a`).focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/jobs/${job}`);
    await dashboard.server.call("POST", `/jobs/${job}/stop`);
  },
);
