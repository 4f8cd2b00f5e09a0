import { assertEquals, assertMatch } from "@std/assert";
import { lowContrast, unnamedControls } from "./accessibility.ts";
import { Dashboard } from "./dashboard.ts";
import { reached, trainingJob } from "./training_job.ts";

// One browser serves the tests of the file, so what it keeps open between them is no leak.
const options = { sanitizeOps: false, sanitizeResources: false };
let dashboard: Dashboard;

Deno.test.beforeAll(async () => {
  dashboard = await Dashboard.start();
});
Deno.test.afterAll(async () => await dashboard[Symbol.asyncDispose]());

Deno.test(
  "small charts show telemetry a group at a time, and the address keeps which",
  options,
  async () => {
    await using job = await trainingJob(dashboard);
    await reached(dashboard, job.id, 100);
    await using opened = await dashboard.open(`/jobs/${job.id}`);
    const { page } = opened;
    await page.locator("#chart-lr canvas").waitFor();
    assertEquals(await page.locator("#chart-mem_rss").isVisible(), false);

    await page.getByRole("button", { name: "Worker" }).click();
    for (const name of ["data_wait", "mem_rss", "mem_heap", "mem_tensors"]) {
      await page.locator(`#chart-${name} canvas`).waitFor();
    }
    assertEquals(await page.locator("#chart-lr").isVisible(), false);
    assertMatch(await opened.reads("#chart-mem_rss [data-readout]", "iB"), /^\d[\d.]* [KM]iB$/);
    assertEquals(new URL(page.url()).searchParams.get("charts"), "worker");
    const picture = Deno.env.get("GROUPS_PICTURE");
    if (picture !== undefined) await page.screenshot({ path: picture, fullPage: true });

    await page.reload();
    await page.locator("#chart-data_wait canvas").waitFor();
    await page.getByRole("button", { name: "Model" }).click();
    await page.locator("#chart-update_ratio canvas").waitFor();
    // One linear layer has no activation.
    await opened.reads("#chart-activation_zero_frac", "not measured");
    assertEquals([await lowContrast(page), await unnamedControls(page)], [[], []]);
  },
);
