import { assertEquals } from "@std/assert";
import { lowContrast, unnamedControls } from "./accessibility.ts";
import { blobsJob } from "./blobs_job.ts";
import { Dashboard } from "./dashboard.ts";

// One browser serves the tests of the file, so what it keeps open between them is no leak.
const options = { sanitizeOps: false, sanitizeResources: false };
let dashboard: Dashboard;

Deno.test.beforeAll(async () => {
  dashboard = await Dashboard.start();
});
Deno.test.afterAll(async () => await dashboard[Symbol.asyncDispose]());

Deno.test(
  "the merge form has each strategy's parameters, and the gate's table says what came of it",
  options,
  async () => {
    const { server } = dashboard;
    const job = await blobsJob(dashboard);
    const { body } = await server.call("POST", `/jobs/${job}/fork`, {
      config: { max_epochs: 2 },
      children: [
        { selection: { kind: "quantile", from: 0, to: 0.5 }, run_name: "easy" },
        { selection: { kind: "quantile", from: 0.5, to: 1 }, run_name: "hard" },
      ],
    });
    const forks = (body["items"] as { id: string }[]).map(({ id }) => id);
    for (const fork of forks) await server.state(fork, "completed");
    await using opened = await dashboard.open(`/jobs/${forks[0]}`);
    const { page } = opened;
    await page.getByRole("button", { name: "Merge…" }).click();
    const form = page.locator("#dialog form");
    await form.locator("#field-strategy").selectOption("ties");
    assertEquals(await form.locator("#field-params-ties-density").isVisible(), true);
    assertEquals(await form.locator("#field-params-dare-drop_rate").isVisible(), false);
    await form.locator(`input[name=with][value="${job}"]`).uncheck();
    await form.locator(`input[name=with][value="${forks[1]}"]`).check();

    opened.expected = /status of 422/;
    await form.locator("#field-params-ties-density").fill("7");
    await form.getByRole("button", { name: "Merge", exact: true }).click();
    await opened.reads("#dialog [data-strategy=ties] .field-error", /density/);
    await form.locator("#field-params-ties-density").fill("0.5");
    await form.locator("#field-gate-min_delta").fill("0.3");
    const picture = Deno.env.get("INSPECT_PICTURES");
    if (picture !== undefined) await page.screenshot({ path: `${picture}/merge.png` });
    assertEquals([await lowContrast(page), await unnamedControls(page)], [[], []]);
    await form.getByRole("button", { name: "Merge", exact: true }).click();
    await opened.reads("#receipt", /Created merge1/);
    await page.locator("#receipt a").click();

    const said = await opened.reads(".gate header", /Merge against its parents/);
    const merged = page.url().split("/").at(-1)!;
    const manifest = (await server.call("GET", `/jobs/${merged}`)).body;
    const spawn = manifest["spawn"] as { strategy: string; params: { density: number } };
    assertEquals([spawn.strategy, spawn.params.density], ["ties", 0.5]);
    const gate = manifest["gate"] as { accepted: boolean; min_delta: number; table: unknown[] };
    assertEquals([gate.accepted, gate.min_delta], [false, 0.3]);
    assertEquals(/Not accepted .*30\.0 points was asked for\./.test(said), true, said);
    assertEquals(await page.locator(".gate tbody tr").count(), gate.table.length);
    await opened.reads(".gate tbody tr.gate-child", /the merge/);
    await opened.reads(".gate tbody", /hard/);
    assertEquals([await lowContrast(page), await unnamedControls(page)], [[], []]);
    if (picture !== undefined) {
      await page.screenshot({ path: `${picture}/gate.png`, fullPage: true });
    }
  },
);
