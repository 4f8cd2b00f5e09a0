import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Dashboard, LINE_MODULE, REFUSED } from "./dashboard.ts";
import { trainingJob } from "./training_job.ts";

// One browser serves the tests of the file, so what it keeps open between them is no leak.
const options = { sanitizeOps: false, sanitizeResources: false };
let dashboard: Dashboard;

Deno.test.beforeAll(async () => {
  dashboard = await Dashboard.start();
});
Deno.test.afterAll(async () => await dashboard[Symbol.asyncDispose]());

Deno.test(
  "Pause says that it was asked for, then at which step it was applied",
  options,
  async () => {
    await using job = await trainingJob(dashboard);
    await using opened = await dashboard.open(`/jobs/${job.id}`);
    const { page } = opened;
    await page.evaluate(() => {
      const said: string[] = [];
      Object.assign(globalThis, { said });
      const receipt = document.getElementById("receipt")!;
      new MutationObserver(() => said.push(receipt.textContent ?? "")).observe(receipt, {
        childList: true,
      });
    });
    await page.getByRole("button", { name: "Pause" }).click();
    const text = await opened.reads("#receipt", /Paused at step/);
    const said = await page.evaluate(() => Reflect.get(globalThis, "said") as string[]);
    assertEquals(said[0], "Pausing…");
    const { body } = await dashboard.server.call("GET", `/jobs/${job.id}`);
    assertEquals(text, `Paused at step ${Number(body["step"]).toLocaleString("en-US")}`);
    await opened.reads(".job-title .state", "paused");
    await page.getByRole("button", { name: "Resume" }).click();
    await opened.reads("#receipt", /Resumed at step/);
    await opened.reads(".job-title .state", "running");
    await page.getByRole("tab", { name: "Commands" }).click();
    await opened.reads("#panel-commands", /resume[\s\S]*pause/);
    await dashboard.server.call("POST", `/jobs/${job.id}/stop`);
  },
);

Deno.test(
  "Test and Checkpoint say what they made, and mark it on the charts",
  options,
  async () => {
    await using job = await trainingJob(dashboard);
    await using opened = await dashboard.open(`/jobs/${job.id}`);
    const { page } = opened;
    await page.getByRole("button", { name: "Test", exact: true }).click();
    await opened.reads("#receipt", /Tested at step [\d,]+: loss/);
    await opened.reads("#chart-loss [data-readout]", /test /);
    await page.getByRole("button", { name: "Checkpoint", exact: true }).click();
    await opened.reads("#receipt", /Saved checkpoint \d+ at step/);
    await page.getByRole("tab", { name: "Checkpoints" }).click();
    await opened.reads("#panel-checkpoints tbody tr", "explicit");
    await dashboard.server.call("POST", `/jobs/${job.id}/stop`);
  },
);

Deno.test("Rewind from the list of checkpoints opens a new take", options, async () => {
  await using job = await trainingJob(dashboard);
  await using opened = await dashboard.open(`/jobs/${job.id}?tab=checkpoints`);
  const { page } = opened;
  await page.getByRole("button", { name: "Pause" }).click();
  await opened.reads("#receipt", /Paused/);
  await page.getByRole("button", { name: "Rewind to checkpoint 1, step 0" }).click();
  await opened.reads("#receipt", "Rewound to checkpoint 1, step 0");
  await opened.reads("#job-aside", /take, attempt2, 1/);
  assertEquals(await page.textContent("#live-step"), "0");
});

Deno.test(
  "learning rate form shows the API's error at its field, then sets it live",
  options,
  async () => {
    await using job = await trainingJob(dashboard);
    await using opened = await dashboard.open(`/jobs/${job.id}`);
    opened.expected = REFUSED;
    const { page } = opened;
    const field = page.locator("#field-lr");
    await field.fill("-1");
    await field.press("Enter");
    await opened.reads(".hparams [data-field=lr]", /lr: .*>0/);
    assertEquals(await field.getAttribute("aria-invalid"), "true");
    await field.fill("0.0005");
    await field.press("Enter");
    await opened.reads("#receipt", /Hyperparameters set at step/);
    assertEquals(await field.getAttribute("aria-invalid"), null);
    await page.waitForFunction(() =>
      document.getElementById("field-lr")?.getAttribute("placeholder") === "5e-4"
    );
    await dashboard.server.call("POST", `/jobs/${job.id}/stop`);
  },
);

Deno.test(
  "hyperparameter form sets a schedule and a batch size live, and names the field of a bad one",
  options,
  async () => {
    await using job = await trainingJob(dashboard);
    await using opened = await dashboard.open(`/jobs/${job.id}`);
    opened.expected = REFUSED;
    const { page } = opened;
    await page.locator(".hparams summary").click();
    await page.locator("#field-schedule").fill("sine");
    await page.locator("#field-schedule").press("Enter");
    await opened.reads(".hparams [data-field=schedule]", /there are constant, step_decay/);
    await page.locator("#field-schedule").fill('{"name": "cosine", "period": 50}');
    await page.locator("#field-batch_size").fill("7");
    await page.locator("#field-batch_size").press("Enter");
    await opened.reads("#receipt", /batch_size \d+ → 7/);
    await page.waitForFunction(() =>
      document.getElementById("field-batch_size")?.getAttribute("placeholder") === "7" &&
      document.getElementById("field-schedule")?.getAttribute("placeholder")?.includes("cosine")
    );
    await dashboard.server.call("POST", `/jobs/${job.id}/stop`);
  },
);

Deno.test(
  "fork form shows the API's error at its field, then makes the child",
  options,
  async () => {
    await using job = await trainingJob(dashboard);
    await using opened = await dashboard.open(`/jobs/${job.id}`);
    opened.expected = REFUSED;
    const { page } = opened;
    await page.keyboard.press("f");
    const dialog = page.getByRole("dialog", { name: "Fork baseline" });
    await dialog.getByLabel("The hardest n").check();
    await dialog.locator("#field-selection-n").fill("0");
    await dialog.getByRole("button", { name: "Fork", exact: true }).click();
    await opened.reads("[data-field='selection.n']", /selection\.n: /);
    await dialog.locator("#field-selection-n").fill("16");
    await dialog.getByText("Config that differs").click();
    await dialog.locator("#field-config-batch_size").fill("8");
    await dialog.locator("#field-run_name").fill("hard");
    await dialog.getByRole("button", { name: "Fork", exact: true }).click();
    await opened.reads("#receipt", /Created hard, from axis step/);
    const link = page.locator("#job-aside").getByRole("link", { name: "hard" });
    const child = (await link.getAttribute("href"))!.split("/").at(-1)!;
    const { body } = await dashboard.server.call("GET", `/jobs/${child}`);
    assertEquals(body["parents"], [job.id]);
    const spawn = body["spawn"] as Record<string, unknown>;
    assertEquals(spawn["selection"], { kind: "hardest", n: 16 });
    assertEquals((body["config"] as Record<string, unknown>)["batch_size"], 8);
    await link.click();
    await opened.reads("#job-aside", /parent\s*baseline/);
    await dashboard.server.call("POST", `/jobs/${child}/stop`);
    await dashboard.server.call("POST", `/jobs/${job.id}/stop`);
  },
);

Deno.test("merge form sends weights in the order of the parents", options, async () => {
  await using job = await trainingJob(dashboard);
  const fork = await dashboard.server.call("POST", `/jobs/${job.id}/fork`, {
    selection: { kind: "all" },
  });
  const child = String(fork.body["id"]);
  await using opened = await dashboard.open(`/jobs/${job.id}?dialog=merge`);
  const { page } = opened;
  const dialog = page.getByRole("dialog", { name: "Merge baseline" });
  await dialog.getByLabel("Strategy").selectOption("weighted");
  await dialog.getByLabel("Weight of baseline").fill("3");
  await dialog.getByLabel("Weight of fork1").fill("1");
  await dialog.getByRole("button", { name: "Merge", exact: true }).click();
  const merged = await opened.reads("#receipt a", /Open/);
  assertMatch(merged, /^Open merge/);
  const id = (await page.locator("#receipt a").getAttribute("href"))!.split("/").at(-1)!;
  const { body } = await dashboard.server.call("GET", `/jobs/${id}`);
  assertEquals(body["parents"], [job.id, child]);
  assertEquals((body["spawn"] as Record<string, unknown>)["params"], { weights: [3, 1] });
  await dashboard.server.state(id, "parked");
  await opened.reads("#job-aside", /merge1\s*parked/);
  await dashboard.server.call("POST", `/jobs/${child}/stop`);
});

Deno.test("what a module writes is text, never markup", options, async () => {
  await using job = await trainingJob(dashboard);
  await using opened = await dashboard.open(`/jobs/${job.id}`);
  assertStringIncludes(
    await opened.reads("#panel-log .log-text", "markup"),
    "<b>markup</b> in a log line",
  );
});

Deno.test("failed job shows the module's own error with its position", options, async () => {
  const source = LINE_MODULE.replace(
    `ctx.log("<b>`,
    `throw new Error("no <b>data</b> today"); ctx.log("<b>`,
  );
  const job = await dashboard.server.submit(source);
  await dashboard.server.state(job, "failed");
  await using opened = await dashboard.open(`/jobs/${job}`);
  const notice = await opened.reads(".notice-error", "no <b>data</b> today");
  assertMatch(notice, /module\.ts:18:11/);
  assert(await opened.page.getByRole("button", { name: "Pause" }).count() === 0);
});

Deno.test("shortcuts pause, list themselves and lead home", options, async () => {
  await using job = await trainingJob(dashboard);
  await using opened = await dashboard.open(`/jobs/${job.id}`);
  const { page } = opened;
  await page.keyboard.press("p");
  await opened.reads("#receipt", /Paused at step/);
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator("#field-lr").focus();
  await page.keyboard.type("g");
  assertEquals(await page.inputValue("#field-lr"), "g");
  await page.locator("body").press("Tab");
  await page.evaluate(() => (document.activeElement as HTMLElement).blur());
  await page.keyboard.press("g");
  await page.keyboard.press("h");
  await page.waitForURL(/\/$/);
});

Deno.test(
  "certificate and reset ask first, and say in words what came of it",
  options,
  async () => {
    const id = await dashboard.server.submit(LINE_MODULE, { max_steps: 60 });
    await dashboard.server.state(id, "completed");
    await using opened = await dashboard.open(`/jobs/${id}`);
    const { page } = opened;
    const more = async (name: RegExp) => {
      await page.locator("#more-controls > summary").click();
      await page.getByRole("button", { name }).click();
    };
    await more(/^Certificate/);
    await page.locator("#dialog").getByLabel("To step").fill("40");
    await page.getByRole("button", { name: "Train again and compare" }).click();
    await opened.reads("#receipt", "Trained steps 1 to 40 again: every bit is the same");
    await more(/^Reset…/);
    await opened.reads("#dialog", "in take 2");
    await page.getByRole("button", { name: "Reset", exact: true }).click();
    await opened.reads("#receipt", "it begins anew");
    await opened.reads(".job-title .state", "parked");
    await opened.reads("#live-step", /^0$/);
  },
);
