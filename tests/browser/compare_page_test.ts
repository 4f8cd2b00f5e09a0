import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { lowContrast, unnamedControls } from "./accessibility.ts";
import { Dashboard } from "./dashboard.ts";
import { type SmallLineage, smallLineage } from "./small_lineage.ts";
import { trainingJob } from "./training_job.ts";

// One browser serves the tests of the file, so what it keeps open between them is no leak.
const options = { sanitizeOps: false, sanitizeResources: false };
let dashboard: Dashboard;
let lineage: SmallLineage;
let address: string;

Deno.test.beforeAll(async () => {
  dashboard = await Dashboard.start();
  lineage = await smallLineage(dashboard);
  const { root, hard, rest, merged } = lineage;
  address = `/compare?jobs=${[root, hard, rest, merged].join(",")}`;
});
Deno.test.afterAll(async () => await dashboard[Symbol.asyncDispose]());

Deno.test(
  "jobs ticked in the list are compared, and the page has one address",
  options,
  async () => {
    const { root, hard, rest } = lineage;
    await using opened = await dashboard.open("/");
    const { page } = opened;
    const button = page.locator("[data-compare]");
    assert(await button.isDisabled());
    await page.getByLabel("Compare baseline").check();
    await page.getByLabel("Compare hard").check();
    // The list is drawn anew, and what is ticked stays.
    await dashboard.server.call("POST", `/jobs/${rest}/checkpoints`, {});
    await page.evaluate(() => document.body.dispatchEvent(new Event("page:jobs")));
    await opened.reads("[data-compare]", "Compare 2");
    await button.click();
    await page.waitForURL(`**/compare?jobs=${root},${hard}`);
    await opened.reads("h1", "Compare 2 jobs");
    await opened.reads(`#compared-${root}`, "baseline");
  },
);

Deno.test("charts overlay the jobs on the axis step, or each job's own", options, async () => {
  await using opened = await dashboard.open(address);
  const { page } = opened;
  await page.locator("#chart-loss canvas").waitFor();
  for (const chart of ["loss", "val_loss"]) {
    await page.locator(`#chart-${chart} canvas`).waitFor();
    const pixels = await colouredPixels(page, `#chart-${chart}`, [0, 1, 2]);
    assert(pixels.every((count) => count > 30), `${chart} lacks a line: ${pixels}`);
  }
  const readout = await page.textContent("#chart-loss [data-readout]") ?? "";
  assertMatch(readout, /^baseline [\d.]+ {2}hard [\d.]+ {2}rest [\d.]+$/);
  const over = page.locator("#chart-loss .u-over");
  const right = async () => {
    const box = (await over.boundingBox())!;
    await page.mouse.move(box.x + box.width - 1, box.y + 40);
    return Number.parseFloat(await opened.reads("#chart-loss [data-readout]", /^\d+: /));
  };
  // The forks began where the baseline ended.
  assertEquals(await right(), 58);
  await page.getByLabel("x", { exact: true }).selectOption("step");
  await page.waitForFunction(() => location.search.includes("x=step"));
  await page.mouse.move(0, 0);
  assertEquals(await right(), 40);
  await page.mouse.move(0, 0);
  await picture("compare", page);
});

Deno.test(
  "a stretch of the axis is zoomed into, and any figure gets a chart",
  options,
  async () => {
    await using opened = await dashboard.open(address);
    const { page } = opened;
    await page.locator("#chart-loss canvas").waitFor();
    await page.getByLabel("steps", { exact: true }).fill("30");
    await page.getByLabel("to step").fill("50");
    await page.getByLabel("to step").press("Enter");
    await page.waitForFunction(() => location.search.includes("zoom=30-50"));
    await page.getByRole("button", { name: "Learning rate", exact: true }).click();
    await page.locator("#chart-lr canvas").waitFor();
    await page.getByRole("button", { name: "Validation loss", exact: true }).click();
    await page.locator("#chart-val_loss").waitFor({ state: "hidden" });
    await page.reload();
    await page.locator("#chart-lr canvas").waitFor();
    assertEquals(await page.locator("#chart-val_loss").isVisible(), false);
    assertEquals(await page.inputValue("[name=from]"), "30");
    const menu = page.getByLabel("Loss: table and downloads", { exact: true });
    await menu.click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Save CSV" }).first().click(),
    ]);
    const rows = (await Deno.readTextFile((await download.path())!)).trim().split("\r\n").slice(1);
    const steps = rows.map((row) => Number(row.split(",")[2]));
    assert(steps.every((step) => step >= 30 && step <= 50), String(steps));
    assert(
      rows.some((row) => row.startsWith("baseline,")) &&
        rows.some((row) => row.startsWith("rest,")),
    );
    await page.locator("#chart-loss .u-over").dblclick();
    await page.waitForFunction(() => !location.search.includes("zoom="));
  },
);

Deno.test(
  "tables hold what differs, what was trained on, and how often test was looked at",
  options,
  async () => {
    await using opened = await dashboard.open(address);
    const { page } = opened;
    const row = async (table: string, name: string) => {
      const cells = page.locator(`#table-${table} tr`).filter({
        has: page.getByRole("rowheader", { name, exact: true }),
      }).locator("td");
      return await cells.allTextContents();
    };
    assertEquals(await page.locator("#table-figures thead th").allTextContents(), [
      " baseline",
      " hard",
      " rest",
      " merged",
    ]);
    assertEquals(await row("figures", "test samples"), ["60", "60", "60", "60"]);
    assertEquals(await row("figures", "test looks"), ["2", "1", "0", "1"]);
    await opened.reads(
      "[data-test-split]",
      /3 of 4 tested, all on the same 60 test samples.*4 times/,
    );
    assertEquals((await row("trained", "training samples")).slice(0, 3), [
      "300 of 300",
      "120 of 300",
      "180 of 300",
    ]);
    assertEquals((await row("trained", "from")).slice(1), ["baseline", "baseline", "hard, rest"]);
    const [baseline, hard] = await row("config", "max_epochs");
    assertEquals([baseline, hard], ["4", "3"]);
    assertEquals(await row("config", "seed"), [], "a key that does not differ is listed");
    await page.getByLabel("Compare without merged").click();
    await opened.reads("h1", "Compare 3 jobs");
  },
);

Deno.test("a job that trains is followed, beside one of another session", options, async () => {
  await using job = await trainingJob(dashboard);
  await using opened = await dashboard.open(`/compare?jobs=${lineage.root},${job.id}`);
  const { page } = opened;
  await page.locator("#chart-loss canvas").waitFor();
  await opened.reads(`#compared-${job.id}`, "line/baseline");
  await opened.reads("[data-test-split]", "1 of 2 tested");
  // Both are the first of their sessions: one colour, and a dash that tells them apart.
  assert(await page.locator(`#compared-${job.id} path[stroke-dasharray="6 4"]`).count() > 0);
  const before = await page.textContent("#chart-loss [data-readout]");
  await page.waitForFunction(
    (text) => document.querySelector("#chart-loss [data-readout]")?.textContent !== text,
    before,
  );
  await dashboard.server.call("POST", `/jobs/${job.id}/stop`);
  await opened.reads(`#compared-${job.id}`, "stopped");
});

Deno.test("nothing to compare, and a job that is not there, are said", options, async () => {
  await using opened = await dashboard.open("/compare");
  await opened.reads("main", "No job is chosen");
  await using lost = await dashboard.open("/compare?jobs=job-none");
  lost.expected = /status of 404/;
  await lost.reads("h1", "There is no such job");
});

for (
  const [name, colorScheme, width] of [
    ["light", "light", 1280],
    ["dark", "dark", 1280],
    ["360", "light", 360],
    ["2560", "dark", 2560],
  ] as const
) {
  Deno.test(`comparison in ${name} can be read, is named and fits`, options, async () => {
    const viewport = { width, height: 900 };
    await using opened = await dashboard.open(address, { colorScheme, viewport });
    const { page } = opened;
    await page.locator("#chart-loss canvas").waitFor();
    assertEquals(await lowContrast(page), []);
    assertEquals(await unnamedControls(page), []);
    const over = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return scrollWidth - clientWidth;
    });
    assertEquals(over, 0);
    await picture(`compare-${name}`, page);
  });
}

/** Pixels of a chart that are in each of these colours. */
async function colouredPixels(page: Page, chart: string, colours: number[]): Promise<number[]> {
  return await page.evaluate(([selector, names]) => {
    const canvas = document.querySelector(`${selector} canvas`) as HTMLCanvasElement;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    const probe = document.createElement("span");
    document.body.append(probe);
    const counts = names.map((name) => {
      probe.style.color = `var(--colour-${name})`;
      const [r, g, b] = getComputedStyle(probe).color.match(/\d+/g)!.map(Number);
      let count = 0;
      for (let at = 0; at < data.length; at += 4) {
        const near = Math.abs(data[at]! - r!) + Math.abs(data[at + 1]! - g!) +
          Math.abs(data[at + 2]! - b!);
        if (data[at + 3]! > 200 && near < 40) count++;
      }
      return count;
    });
    probe.remove();
    return counts;
  }, [chart, colours] as const);
}

/** Keeps a picture where COMPARE_PICTURES names a folder. */
async function picture(name: string, page: Page) {
  const folder = Deno.env.get("COMPARE_PICTURES");
  if (folder !== undefined) {
    await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  }
}
