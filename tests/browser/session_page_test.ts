import { assert, assertEquals, assertMatch } from "@std/assert";
import { lowContrast, unnamedControls } from "./accessibility.ts";
import { Dashboard, LINE_MODULE } from "./dashboard.ts";
import { type SmallLineage, smallLineage } from "./small_lineage.ts";

// One browser serves the tests of the file, so what it keeps open between them is no leak.
const options = { sanitizeOps: false, sanitizeResources: false };
let dashboard: Dashboard;
let lineage: SmallLineage;

Deno.test.beforeAll(async () => {
  dashboard = await Dashboard.start();
  lineage = await smallLineage(dashboard);
});
Deno.test.afterAll(async () => await dashboard[Symbol.asyncDispose]());

Deno.test(
  "lineage is a graph: a merge stands right of both parents, with its gate",
  options,
  async () => {
    const { session, root, hard, rest, merged } = lineage;
    await using opened = await dashboard.open(`/sessions/${session}`);
    const { page } = opened;
    const left = async (job: string) => (await page.locator(`[data-node=${job}]`).boundingBox())!.x;
    assert(await left(root) < await left(hard));
    assertEquals(await left(hard), await left(rest));
    assert(await left(rest) < await left(merged));
    for (const [parent, child] of [[root, hard], [root, rest], [hard, merged], [rest, merged]]) {
      assertEquals(await page.locator(`#edge-${parent}-${child}`).count(), 1);
    }
    assertEquals(await page.locator(".edge").count(), 4);
    assertMatch(
      await opened.reads(`[data-node=${merged}]`, "merge by swa"),
      /gate: (not )?(accepted|inconclusive), [+−±][\d.]+ accuracy/,
    );
    const node = await opened.reads(`[data-node=${hard}]`, "loss quantile 0.6–1 · 120 samples");
    assertMatch(node, /completed.*step 12.*val \d[\d.e-]* · \d.*%.*test \d/);
    await picture("session", page);
    await page.locator(`[data-node=${hard}]`).click();
    await page.waitForURL(`**/jobs/${hard}`);
  },
);

Deno.test("lineage is there without scripts, and in words", options, async () => {
  const { session, merged } = lineage;
  await using opened = await dashboard.open(`/sessions/${session}`, { javaScriptEnabled: false });
  const { page } = opened;
  assertEquals(await page.locator("[data-node]").count(), 4);
  await page.getByText("As a list").click();
  const words = await opened.reads(`#words-${merged}`, "merge of hard and rest");
  assertMatch(words, /parked, step 0, merge by swa.*test accuracy \d.*%, gate: /);
  assertEquals(await page.locator("#lineage-words > ul > li").count(), 1);
  await page.locator(`[data-node=${merged}]`).click();
  await page.waitForURL(`**/jobs/${merged}`);
});

Deno.test("keys reach every node, and Enter opens its job", options, async () => {
  const { session, root, hard } = lineage;
  await using opened = await dashboard.open(`/sessions/${session}`);
  const { page } = opened;
  await page.locator(".lineage-scroll").focus();
  const focused = () =>
    page.evaluate(() => (document.activeElement as HTMLElement | null)?.dataset["node"]);
  await page.keyboard.press("Tab");
  assertEquals(await focused(), root);
  await page.keyboard.press("Tab");
  assertEquals(await focused(), hard);
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/jobs/${hard}`);
});

Deno.test("nodes follow their jobs live, and new jobs come by themselves", options, async () => {
  const { server } = dashboard;
  const job = await server.submit(LINE_MODULE);
  const { data } = await server.event(`/jobs/${job}/events?types=trainStep`, () => true);
  await using opened = await dashboard.open(`/sessions/${data["session"]}`);
  const { page } = opened;
  await opened.reads(`[data-node=${job}]`, "running");
  const fork = { selection: { kind: "hardest", n: 8 }, start: false };
  const { body } = await server.call("POST", `/jobs/${job}/fork`, fork);
  await opened.reads(`[data-node=${body["id"]}]`, "hardest 8");
  await page.locator(`#edge-${job}-${body["id"]}`).waitFor({ state: "attached" });
  await page.locator(`[data-node=${job}]`).focus();
  await server.call("POST", `/jobs/${job}/stop`);
  await opened.reads(`[data-node=${job}]`, "stopped");
  const focus = await page.evaluate(() => (document.activeElement as HTMLElement).dataset["node"]);
  assertEquals(focus, job, "the focus is lost when the graph is drawn anew");
});

for (const scheme of ["light", "dark"] as const) {
  Deno.test(`lineage in ${scheme} can be read and named`, options, async () => {
    const path = `/sessions/${lineage.session}`;
    await using opened = await dashboard.open(path, { colorScheme: scheme });
    await opened.page.getByText("As a list").click();
    assertEquals(await lowContrast(opened.page), []);
    assertEquals(await unnamedControls(opened.page), []);
    await picture(`session-${scheme}`, opened.page);
  });
}

Deno.test("a wide lineage scrolls in its own box at 360 px", options, async () => {
  const viewport = { width: 360, height: 800 };
  await using opened = await dashboard.open(`/sessions/${lineage.session}`, { viewport });
  const { page } = opened;
  const [beyond, within] = await page.evaluate(() => {
    const over = ({ scrollWidth, clientWidth }: Element) => scrollWidth - clientWidth;
    return [over(document.documentElement), over(document.querySelector(".lineage-scroll")!)];
  });
  assertEquals(beyond, 0);
  assert(within! > 0, "the graph does not scroll");
  await picture("session-360", page);
});

/** Keeps a picture where SESSION_PICTURES names a folder. */
async function picture(name: string, page: { screenshot(options: object): Promise<unknown> }) {
  const folder = Deno.env.get("SESSION_PICTURES");
  if (folder !== undefined) {
    await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  }
}
