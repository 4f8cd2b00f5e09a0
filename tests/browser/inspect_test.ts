import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { lowContrast, unnamedControls } from "./accessibility.ts";
import { blobsJob, scanned } from "./blobs_job.ts";
import { Dashboard, type OpenPage } from "./dashboard.ts";

// One browser serves the tests of the file, so what it keeps open between them is no leak.
const options = { sanitizeOps: false, sanitizeResources: false };
let dashboard: Dashboard;
/** A job that has ended, with a report of its newest checkpoint. */
let job: string;

Deno.test.beforeAll(async () => {
  dashboard = await Dashboard.start();
  job = await blobsJob(dashboard);
  await scanned(dashboard, job, { embedding: { k: 3 } });
});
Deno.test.afterAll(async () => await dashboard[Symbol.asyncDispose]());

/** Saves the page where somebody wants to look at it. */
async function picture({ page }: OpenPage, name: string): Promise<void> {
  const folder = Deno.env.get("INSPECT_PICTURES");
  if (folder !== undefined) {
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  }
}

/** Waits for the server's answer about what is picked; answers how many samples it says. */
async function counted({ page }: OpenPage): Promise<number> {
  await page.locator("#picked:not([data-asking]) [data-count] strong").waitFor();
  const text = await page.locator("#picked [data-count] strong").textContent();
  return Number(text?.replaceAll(",", ""));
}

Deno.test("a job's page leads to its samples, where the form scans them", options, async () => {
  const fresh = await blobsJob(dashboard);
  await using opened = await dashboard.open(`/jobs/${fresh}`);
  const { page } = opened;
  await page.getByRole("link", { name: "Inspect" }).click();
  await opened.reads(".empty", "No report yet");
  await page.getByRole("button", { name: "Scan" }).click();
  await page.waitForURL(/report=1$/);
  await opened.reads("#loss-panel header", /mean [\d.]+, median [\d.]+, .*% right/);
  const { body } = await dashboard.server.call("GET", `/jobs/${fresh}/reports/1`);
  assertEquals([body["split"], body["samples"]], ["train", 300]);
  assert(body["embedding"] !== null, "the form asks which samples are alike");
  assertEquals(
    await page.locator("#report-choice").textContent().then((text) => text?.trim()),
    [
      "1: train at step 30, 300 samples,",
      `${(body["embedding"] as { k: number }).k} clusters`,
    ].join(" "),
  );
});

Deno.test("a scan is cancelled half-way, and says so", options, async () => {
  await using opened = await dashboard.open(`/jobs/${job}/inspect`);
  const { page } = opened;
  await page.locator("summary", { hasText: "New report" }).click();
  await page.locator("#field-split").selectOption("val");
  await page.getByRole("button", { name: "Scan", exact: true }).click();
  await page.getByRole("button", { name: "Cancel the scan" }).click();
  await opened.reads("#report-form [data-form-error]", /report failed: .*cancel/i);
  const { body } = await dashboard.server.call("GET", `/jobs/${job}/reports`);
  assert((body["items"] as { split: string }[]).every(({ split }) => split === "train"));
});

Deno.test("an error of the API is shown in the form that caused it", options, async () => {
  await using opened = await dashboard.open(`/jobs/${job}/inspect`);
  const { page } = opened;
  await page.locator("summary", { hasText: "New report" }).click();
  opened.expected = /status of 422/;
  await page.locator("#field-embedding-k").fill("many");
  await page.getByRole("button", { name: "Scan", exact: true }).click();
  await opened.reads("[data-field='embedding.k'] .field-error", /embedding\.k/);
});

Deno.test(
  "a drag over the losses picks a quantile: counted while it moves, then by the server",
  options,
  async () => {
    await using opened = await dashboard.open(`/jobs/${job}/inspect`);
    const { page } = opened;
    const box = (await page.locator("#loss-panel .u-over").boundingBox())!;
    const at = (share: number) => box.x + box.width * share;
    await page.mouse.move(at(0.1), box.y + 40);
    await page.mouse.down();
    await page.mouse.move(at(0.4), box.y + 40, { steps: 4 });
    const live = await opened.reads("#picked [data-count]", /^\d+ samples$/);
    await page.mouse.move(at(1.1), box.y + 40, { steps: 4 });
    await page.mouse.up();
    const exact = await counted(opened);
    assert(exact > Number.parseInt(live), `${live}, then ${exact}`);
    assertEquals(await page.locator("#brush-to").inputValue(), "1");
    const from = Number(await page.locator("#brush-from").inputValue());
    assertEquals(exact, 300 - Math.round(300 * from));
    await opened.reads("#picked .facts", /of300 train, .*%mean loss.*right/);
    await opened.reads("#picked .label-mix", /north|east|west/);

    // The address has it: the same view after a reload.
    assertMatch(page.url(), /pick=[0-9a-f]{64}/);
    await page.reload();
    assertEquals(await counted(opened), exact);
    assertEquals(Number(await page.locator("#brush-from").inputValue()), from);
    await picture(opened, "losses");

    await page.getByRole("button", { name: "Clear" }).click();
    await opened.reads("#picked [data-nothing]", "Nothing yet");
    assert(!page.url().includes("pick="), page.url());
  },
);

Deno.test("fields pick a region without a mouse, fork it and export it", options, async () => {
  await using opened = await dashboard.open(`/jobs/${job}/inspect`);
  const { page } = opened;
  await page.locator("#brush-by").selectOption("region");
  await page.locator("#brush-from").fill("0.5");
  const count = await counted(opened);
  const rows = await dashboard.server.call("GET", `/jobs/${job}/reports/1/rows?limit=1000`);
  const losses = (rows.body["items"] as { loss: number }[]).map(({ loss }) => loss);
  assertEquals(count, losses.filter((loss) => loss >= 0.5).length);
  await opened.reads("#picked [data-rule]", "Loss 0.5–∞");

  await page.locator("[data-format]").selectOption("csv");
  await page.getByRole("button", { name: "Export" }).click();
  await opened.reads("#picked [data-exported]", `Exported ${count} samples: samples.csv`);
  const address = await page.locator("#picked [data-exported] a").getAttribute("href");
  const csv = await (await fetch(dashboard.server.url + address)).text();
  assertEquals(csv.trim().split("\n").length, count + 1);

  await page.getByRole("button", { name: "Fork…" }).click();
  await opened.reads("#dialog .form-body", "Training samples: loss 0.5–∞");
  await picture(opened, "fork");
  await page.locator("#dialog").getByRole("button", { name: "Fork", exact: true }).click();
  await opened.reads("#receipt", /Created fork1/);
  const fork = await page.locator("#receipt a").getAttribute("href");
  await dashboard.server.state(fork!.split("/").at(-1)!, "completed");
  const manifest = (await dashboard.server.call("GET", fork!)).body;
  assertEquals(manifest["selected"], count);
});

for (const scheme of ["light", "dark"] as const) {
  Deno.test(`samples in ${scheme}: contrast, names, and room at every width`, options, async () => {
    for (const width of [360, 1280, 2560]) {
      await using opened = await dashboard.open(`/jobs/${job}/inspect`, {
        colorScheme: scheme,
        viewport: { width, height: 900 },
      });
      const { page } = opened;
      await page.locator("#brush-from").fill("0.8");
      await counted(opened);
      assertEquals(await lowContrast(page), []);
      assertEquals(await unnamedControls(page), []);
      const over = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return scrollWidth - clientWidth;
      });
      assertEquals(over, 0, `${over} px too wide at ${width}`);
      await picture(opened, `${scheme}-${width}`);
    }
  });
}
