/** Scripts that people start themselves, with and without a server that comes and goes. */
import { assert, assertEquals } from "@std/assert";
import {
  attachedJob,
  AttachedRun,
  eventsOf,
  freePort,
  numbersOf,
  stepsOf,
} from "../fixtures/attached_run.ts";
import { ServerProcess } from "../fixtures/server_process.ts";

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
