/** Scripts that people start themselves, with and without a server that comes and goes. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import {
  attachedJob,
  AttachedRun,
  eventsOf,
  freePort,
  numbersOf,
  stepsOf,
} from "../fixtures/attached_run.ts";
import { ServerProcess } from "../fixtures/server_process.ts";

const MODULE = fromFileUrl(new URL("../fixtures/attached_module.ts", import.meta.url));
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

Deno.test("Trainer.fit() without a server trains, and leaves its newest checkpoints", async () => {
  await using run = await AttachedRun.start({ autoConnect: false, maxEpochs: 3, ckptKeep: 2 });
  const { end, step, job, checkpoint } = await run.result();
  assertEquals([end, step, job], ["max_epochs", 24, null]);
  assert((await Deno.stat(checkpoint!)).size > 100);
});

Deno.test("an attached run streams every step once, though the server is killed twice", async () => {
  const port = freePort();
  await using server = await ServerProcess.start("--dashboard-port", String(port));
  const options = { runName: "held", maxEpochs: 60, port, delayMs: 2, backlog: { memory: 4_000 } };
  await using run = await AttachedRun.start(options);
  const job = await attachedJob(server, "held");
  for (const step of [100, 250]) {
    await server.event(
      `/jobs/${job}/events?types=trainStep`,
      ({ data }) => Number(data["step"]) >= step,
    );
    await server.kill();
    await server.start();
  }
  await server.state(job, "completed");
  assertEquals((await run.result()).job, job);
  const events = await eventsOf(server, job);
  assertEquals(stepsOf(events).map(([step]) => step), upTo(480));
  const numbers = numbersOf(events);
  assertEquals(numbers, upTo(numbers.length));

  await using alone = await AttachedRun.start({ ...options, runName: "alone", delayMs: 0 });
  await alone.result();
  const calm = await eventsOf(server, await attachedJob(server, "alone"));
  assertEquals(stepsOf(events), stepsOf(calm));
});

Deno.test("an attached run takes the commands of any job, and its receipts say where", async () => {
  const port = freePort();
  await using server = await ServerProcess.start("--dashboard-port", String(port));
  await using run = await AttachedRun.start({
    runName: "steered",
    maxEpochs: 10_000,
    port,
    delayMs: 1,
  });
  const job = await attachedJob(server, "steered");
  await server.state(job, "running");
  const post = (path: string, body = {}) => server.call("POST", `/jobs/${job}${path}`, body);

  const paused = await post("/pause");
  assertEquals([paused.status, paused.body["status"]], [200, "applied"]);
  assertEquals((await server.state(job, "paused"))["kind"], "attached");
  const tested = await post("/test", { split: "test" });
  assertEquals([tested.status, tested.body["samples"]], [200, 64]);
  const saved = await post("/checkpoints");
  assertEquals(saved.status, 200, JSON.stringify(saved.body));
  const lr = await server.call("PATCH", `/jobs/${job}/hparams`, { lr: 0.5 });
  assertEquals((lr.body["hparams"] as { lr: number }).lr, 0.5);
  assertEquals((await post("/resume")).status, 200);
  const rewound = await post("/rewind", { checkpoint: 1 });
  assertEquals([rewound.status, rewound.body["step"]], [200, 0], JSON.stringify(rewound.body));
  const { body } = await server.call("GET", `/jobs/${job}`);
  assertEquals(body["take"], 2);

  const forked = await post("/fork", { selection: { kind: "all" } });
  assertEquals([forked.status, String(forked.body["detail"]).includes("module")], [422, true]);
  assertEquals((await post("/stop")).status, 200);
  assertEquals((await run.result()).end, "stopped");
  assertEquals((await post("/test", { split: "test" })).status, 422);
});

Deno.test("a script that was killed leaves a job that says so and takes stop", async () => {
  const port = freePort();
  await using server = await ServerProcess.start("--dashboard-port", String(port));
  await using run = await AttachedRun.start({
    runName: "gone",
    maxEpochs: 10_000,
    port,
    delayMs: 1,
  });
  const job = await attachedJob(server, "gone");
  await server.state(job, "running");
  await run.kill();
  await server.state(job, "recovering");
  const refused = await server.call("POST", `/jobs/${job}/pause`, {});
  assertEquals(refused.status, 409);
  assertEquals((await server.call("POST", `/jobs/${job}/stop`, {})).status, 200);
  assertEquals((await server.state(job, "stopped"))["state"], "stopped");
});

Deno.test("Trainer.fit() of a job module can be forked, and goes on when its script has ended", async () => {
  const port = freePort();
  await using server = await ServerProcess.start("--dashboard-port", String(port));
  const files = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${files}/numbers.txt`, "1,2,3,4,5,6,7,8");
    const options = { port, files, progress: false, backend: "cpu" } as const;
    await using run = await AttachedRun.start(options, MODULE);
    const { end, job } = await run.result();
    assertEquals(end, "max_epochs");
    const fork = await server.call("POST", `/jobs/${job}/fork`, {
      selection: { kind: "indices", indices: [0, 1, 2, 3] },
      config: { max_epochs: 2 },
    });
    assertEquals(fork.status, 201, JSON.stringify(fork.body));
    const child = await server.state(String(fork.body["id"]), "completed", "failed");
    assertEquals([child["state"], child["error"]], ["completed", null]);
    assertEquals((child["dataset"] as { train: number }).train, 8);

    const resumed = await server.call("POST", `/jobs/${job}/resume`, { max_epochs: 201 });
    assertEquals(resumed.status, 200, JSON.stringify(resumed.body));
    await server.event(
      `/jobs/${job}/events?types=trainStep`,
      ({ data }) => Number(data["step"]) === 402,
    );
  } finally {
    await Deno.remove(files, { recursive: true });
  }
});

Deno.test("several scripts at once are several jobs, each with a name of its own", async () => {
  const port = freePort();
  await using server = await ServerProcess.start("--dashboard-port", String(port));
  const options = { runName: "twin", maxEpochs: 4, port };
  await using first = await AttachedRun.start(options);
  await using second = await AttachedRun.start(options);
  const jobs = (await Promise.all([first.result(), second.result()])).map(({ job }) => job!);
  const manifests = await Promise.all(jobs.map((job) => server.state(job, "completed")));
  assertEquals(manifests.map(({ run_name }) => run_name).sort(), ["twin", "twin-2"]);
  assertEquals(new Set(manifests.map(({ session }) => session)).size, 2);
});

Deno.test("a script whose training throws fails its job with the reason", async () => {
  const port = freePort();
  await using server = await ServerProcess.start("--dashboard-port", String(port));
  const options = { runName: "broken", failAt: 50, maxEpochs: 100, port, delayMs: 2 };
  await using run = await AttachedRun.start(options);
  const thrown = await assertRejects(() => run.result(), Error);
  assertStringIncludes(thrown.message, "no more batches");
  const failed = await server.state(await attachedJob(server, "broken"), "failed");
  assertStringIncludes((failed["error"] as { message: string }).message, "no more batches");
});
