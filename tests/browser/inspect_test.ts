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
  // A form is the page's own only once its modules have run.
  await page.waitForLoadState("load");
  await page.getByRole("button", { name: "Scan" }).click();
  await opened.reads("#loss-panel header", /mean [\d.]+, median [\d.]+, .*% right/);
  assertMatch(page.url(), /report=1$/);
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
  await page.locator("#loss-panel .u-over").waitFor();
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

Deno.test("the hardest samples come first, with how their losses moved", options, async () => {
  const { server } = dashboard;
  const moved = await blobsJob(dashboard);
  for (const at of [1, 2]) await scanned(dashboard, moved, { at });
  await using opened = await dashboard.open(`/jobs/${moved}/inspect`);
  const { page } = opened;
  const { body } = await server.call("GET", `/jobs/${moved}/reports/2/rows?sort=-loss&limit=21`);
  const items = body["items"] as { index: number; label: number; prediction: number }[];
  const first = page.locator("#samples tbody tr").first();
  await first.waitFor();
  const cells = await first.locator("td").allTextContents();
  const names = ["north", "east", "west"];
  const { index, label, prediction } = items[0]!;
  assertEquals(cells.slice(0, 3), [
    String(index),
    names[label]!,
    `${names[prediction]}${label === prediction ? "" : " ✗"}`,
  ]);
  assertEquals(await page.locator("#samples tbody tr").count(), 20);
  const line = await first.locator(".trajectory").getAttribute("aria-label");
  assertMatch(line!, /^Losses [\d.e-]+ at step 0, [\d.e-]+ at step 30$/);

  await page.getByRole("button", { name: "After" }).click();
  await opened.reads(".sample-pages", "21–40 of 300");
  assertEquals(
    await page.locator("#samples tbody td").first().textContent(),
    String(items[20]!.index),
  );
  assertMatch(page.url(), /first=20/);
  await page.getByRole("button", { name: "Confidence" }).click();
  await page.locator("th[aria-sort=descending]", { hasText: "Confidence" }).waitFor();
  await page.reload();
  await page.locator("th[aria-sort=descending]", { hasText: "Confidence" }).waitFor();

  await page.locator("#hardest-n").fill("40");
  await page.locator("#hardest-n").press("Enter");
  assertEquals(await counted(opened), 40);
  await page.getByRole("button", { name: "Pick what it gets wrong" }).click();
  await opened.reads("#picked [data-rule]", "Misclassified");
  await opened.reads("#picked .facts", /right0\.0%/);
  await picture(opened, "samples");
});

Deno.test("a line around samples in the plane picks them by index", options, async () => {
  await using opened = await dashboard.open(`/jobs/${job}/inspect?report=1`);
  const { page } = opened;
  const box = (await page.locator(".scatter-plot canvas").boundingBox())!;
  const go = (x: number, y: number) =>
    page.mouse.move(box.x + box.width * x, box.y + box.height * y, { steps: 5 });
  await go(0.01, 0.01);
  await page.mouse.down();
  for (const [x, y] of [[0.99, 0.01], [0.99, 0.99], [0.01, 0.99]] as const) await go(x, y);
  await page.mouse.up();
  assertEquals(await counted(opened), 300);
  await opened.reads("#picked [data-rule]", "300 by index");
  await go(0.01, 0.01);
  await page.mouse.down();
  for (const [x, y] of [[0.5, 0.01], [0.5, 0.99], [0.01, 0.99]] as const) await go(x, y);
  await page.mouse.up();
  const half = await counted(opened);
  assert(half > 20 && half < 280, `${half}`);
  await page.locator("#colour-by").selectOption("label");
  await picture(opened, "lasso");
  await page.locator("#colour-by").selectOption("loss");
  await opened.reads("[data-loss-legend]", "high loss");
});

Deno.test("clusters say what they are, and one is forked in one click", options, async () => {
  await using opened = await dashboard.open(`/jobs/${job}/inspect?report=1`);
  const { page } = opened;
  const { body } = await dashboard.server.call("GET", `/jobs/${job}/reports/1`);
  const { clusters } = body["embedding"] as { clusters: { count: number }[] };
  assertEquals(await page.locator(".clusters tbody tr").count(), 3);
  await opened.reads(".clusters tbody tr:nth-child(2)", new RegExp(`${clusters[1]!.count}`));
  await page.getByRole("button", { name: "Fork cluster 1" }).click();
  await opened.reads("#dialog .form-body", "Training samples: cluster 1 of 3");
  await page.locator("#dialog").getByRole("button", { name: "Fork", exact: true }).click();
  await opened.reads("#receipt", /Created fork/);
  const fork = await page.locator("#receipt a").getAttribute("href");
  await dashboard.server.state(fork!.split("/").at(-1)!, "completed");
  const manifest = (await dashboard.server.call("GET", fork!)).body;
  assertEquals(manifest["selected"], clusters[1]!.count);
});

for (const scheme of ["light", "dark"] as const) {
  Deno.test(`samples in ${scheme}: contrast, names, and room at every width`, options, async () => {
    for (const width of [360, 1280, 2560]) {
      await using opened = await dashboard.open(`/jobs/${job}/inspect`, {
        colorScheme: scheme,
        viewport: { width, height: 900 },
      });
      const { page } = opened;
      await page.locator("#loss-panel .u-over").waitFor();
      await page.locator("#brush-from").fill("0.8");
      await counted(opened);
      await page.locator("#samples tbody tr").first().waitFor();
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
