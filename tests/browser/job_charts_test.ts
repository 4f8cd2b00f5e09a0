import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { Dashboard } from "./dashboard.ts";
import { reached, trainingJob } from "./training_job.ts";

// One browser serves the tests of the file, so what it keeps open between them is no leak.
const options = { sanitizeOps: false, sanitizeResources: false };
let dashboard: Dashboard;

Deno.test.beforeAll(async () => {
  dashboard = await Dashboard.start();
});
Deno.test.afterAll(async () => await dashboard[Symbol.asyncDispose]());

Deno.test("job page draws its charts from live events", options, async () => {
  await using job = await trainingJob(dashboard);
  await using opened = await dashboard.open(`/jobs/${job.id}`);
  const { page } = opened;
  await page.locator("#chart-loss canvas").waitFor();
  const before = Number((await page.textContent("#live-step"))?.replaceAll(",", ""));
  const label = await page.getAttribute("#chart-loss [data-plot]", "aria-label");
  await page.waitForFunction(
    ([step, text]) =>
      Number(document.getElementById("live-step")?.textContent?.replaceAll(",", "")) > step! + 50 &&
      document.querySelector("#chart-loss [data-plot]")?.getAttribute("aria-label") !== text,
    [before, label] as const,
  );
  await lineDrawn(page, "#chart-loss", 200);
  await lineDrawn(page, "#chart-lr", 50);
  assertMatch(await page.textContent("#chart-loss [data-readout]") ?? "", /train .+ val /);
  await dashboard.server.call("POST", `/jobs/${job.id}/stop`);
  await opened.reads(".job-title .state", "stopped");
});

Deno.test("figures of the module's own get charts of their own", options, async () => {
  const source = new URL("../fixtures/own_steps.ts", import.meta.url);
  const id = await dashboard.server.submit(await Deno.readTextFile(source));
  await dashboard.server.state(id, "completed");
  await using opened = await dashboard.open(`/jobs/${id}`);
  const { page } = opened;
  for (const name of ["twice", "mae", "worst"]) {
    await page.locator(`[id="chart-own-${name}"] canvas`).waitFor();
  }
  const titles = await page.locator("#charts-training h2").allTextContents();
  assertEquals(titles.slice(-3).toSorted(), ["mae", "twice", "worst"]);
  assertMatch(await page.textContent("[id=chart-own-mae] [data-readout]") ?? "", /val .+/);
  await page.goto(dashboard.server.url);
  assertMatch(await page.textContent(`#row-${id} .job-best`) ?? "", /loss .+mae /);
});

Deno.test("zoom, axis, scale, smoothing and tab live in the address", options, async () => {
  await using job = await trainingJob(dashboard);
  await reached(dashboard, job.id, 300);
  await dashboard.server.call("POST", `/jobs/${job.id}/stop`);
  await using opened = await dashboard.open(`/jobs/${job.id}`);
  const { page } = opened;
  const over = page.locator("#chart-loss .u-over");
  const box = (await over.boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.25, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.75, box.y + 60, { steps: 5 });
  await page.mouse.up();
  await page.waitForFunction(() => location.search.includes("zoom="));
  const [from, to] = new URL(page.url()).searchParams.get("zoom")!.split("-").map(Number);
  assert(from! > 0 && to! > from!, page.url());
  await page.getByLabel("y", { exact: true }).selectOption("log");
  await page.getByLabel("x", { exact: true }).selectOption("epoch");
  await page.getByLabel("smoothing").fill("0.5");
  await page.getByRole("tab", { name: "Module" }).click();
  await opened.reads("#module-source", "meanSquaredError");
  await page.reload();
  assertEquals(await page.inputValue("[name=from]"), String(from));
  assertEquals(await page.inputValue("[name=to]"), String(to));
  assertEquals(await page.inputValue("[name=y]"), "log");
  assertEquals(await page.inputValue("[name=x]"), "epoch");
  assertEquals(await page.inputValue("[name=smooth]"), "0.5");
  assertEquals(await page.getAttribute("#tab-module", "aria-selected"), "true");
  await over.dblclick();
  await page.waitForFunction(() => !location.search.includes("zoom="));
  assertEquals(await page.inputValue("[name=from]"), "");
});

Deno.test("every chart has a table behind it, and saves as CSV and PNG", options, async () => {
  await using job = await trainingJob(dashboard);
  await reached(dashboard, job.id, 20);
  await dashboard.server.call("POST", `/jobs/${job.id}/stop`);
  await using opened = await dashboard.open(`/jobs/${job.id}`);
  const { page } = opened;
  await page.locator("#chart-loss canvas").waitFor();
  const menu = page.getByLabel("Loss: table and downloads");
  for (const kind of ["csv", "png"]) {
    await menu.click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: `Save ${kind.toUpperCase()}` }).first().click(),
    ]);
    assertEquals(
      download.suggestedFilename(),
      `line-baseline-loss.${kind}`.replace(
        "baseline",
        (await page.getAttribute("body", "data-name"))!.slice("line-".length),
      ),
    );
    const bytes = await Deno.readFile((await download.path())!);
    if (kind === "csv") assertMatch(new TextDecoder().decode(bytes), /^series,step.*\r\nloss,\d/);
    else assertEquals([...bytes.slice(1, 4)], [..."PNG"].map((letter) => letter.charCodeAt(0)));
  }
  await menu.click();
  await page.getByRole("button", { name: "Show as table" }).first().click();
  await opened.reads("#chart-loss caption", /Loss: \d+ points/);
});

/** Waits until a chart has more than so many pixels in its job's colour. */
async function lineDrawn(page: Page, chart: string, pixels: number): Promise<void> {
  await page.waitForFunction(([selector, wanted]) => {
    const canvas = document.querySelector<HTMLCanvasElement>(`${selector} canvas`);
    if (canvas === null) return false;
    const probe = document.createElement("span");
    probe.style.color = "var(--line)";
    document.querySelector(selector)!.append(probe);
    const [r, g, b] = getComputedStyle(probe).color.match(/\d+/g)!.map(Number);
    probe.remove();
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) {
      const near = Math.abs(data[at]! - r!) + Math.abs(data[at + 1]! - g!) +
        Math.abs(data[at + 2]! - b!);
      if (data[at + 3]! > 200 && near < 40) count++;
    }
    return count > wanted;
  }, [chart, pixels] as const);
}
