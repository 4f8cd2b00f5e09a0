import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { attachedJob, AttachedRun, freePort } from "../fixtures/attached_run.ts";
import { ServerProcess } from "../fixtures/server_process.ts";

const MODULE = fromFileUrl(new URL("../fixtures/attached_module.ts", import.meta.url));
const SPIRALS = await Deno.readTextFile(new URL("../fixtures/spirals.ts", import.meta.url));

type Answer = Record<string, unknown>;

/** Loss of each step, by take. */
async function losses(server: ServerProcess, job: string): Promise<Map<number, unknown[]>> {
  const path = `/jobs/${job}/events?types=trainStep&follow=false`;
  const takes = new Map<number, unknown[]>();
  for await (const { data } of server.events(path)) {
    const take = Number(data["take"]);
    const of = takes.get(take) ?? [];
    of[Number(data["step"])] = data["loss"];
    takes.set(take, of);
  }
  return takes;
}

async function ask(server: ServerProcess, job: string, call: string, body: Answer = {}) {
  const method = call === "hparams" ? "PATCH" : "POST";
  const answer = await server.call(method, `/jobs/${job}/${call}`, body);
  assertEquals(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

function step(server: ServerProcess, job: string, take: number, step: number): Promise<unknown> {
  return server.event(
    `/jobs/${job}/events?types=trainStep`,
    ({ data }) => data["take"] === take && Number(data["step"]) >= step,
  );
}

Deno.test("a reset begins a running job anew, and its second take repeats the first to the bit", async () => {
  await using server = await ServerProcess.start();
  const job = await server.submit(SPIRALS, { max_epochs: 100_000, ckpt_keep: 1 });
  await step(server, job, 1, 60);
  await ask(server, job, "hparams", { lr: 0.5 });
  const { applied_at_step, take } = await ask(server, job, "reset");
  assert(Number(applied_at_step) >= 60);
  assertEquals(take, 2);
  await step(server, job, 2, 30);
  await ask(server, job, "pause");
  const { body } = await server.call("GET", `/jobs/${job}`);
  assertEquals([body["take"], (body["config"] as Answer)["lr"]], [2, null]);
  const series = await losses(server, job);
  assertEquals(series.get(2)!.slice(1, 31), series.get(1)!.slice(1, 31));
  const metrics = await server.call("GET", `/jobs/${job}/metrics?series=loss`);
  assertEquals(metrics.body["last_step"], body["step"]);
  await ask(server, job, "stop");
});

Deno.test("a reset parks a completed job, survives the server, and a resume trains it to the same bits", async () => {
  await using server = await ServerProcess.start();
  const job = await server.submit(SPIRALS, { max_epochs: 100_000, max_steps: 40 });
  await server.state(job, "completed");
  await ask(server, job, "reset");
  await server.kill();
  await server.start();
  const parked = await server.state(job, "parked");
  assertEquals([parked["step"], parked["epoch"], parked["take"]], [0, 0, 2]);
  await ask(server, job, "resume");
  await server.state(job, "completed");
  assertEquals((await ask(server, job, "certificate"))["result"], "identical");
  const series = await losses(server, job);
  assertEquals(series.get(2), series.get(1));
});

Deno.test("a reset brings a script's run back to its start, where it stands", async () => {
  const port = freePort();
  await using server = await ServerProcess.start("--dashboard-port", String(port));
  await using run = await AttachedRun.start({
    runName: "anew",
    maxEpochs: 100_000,
    ckptKeep: 1,
    port,
    delayMs: 2,
  });
  const job = await attachedJob(server, "anew");
  await step(server, job, 1, 40);
  await ask(server, job, "checkpoints");
  await ask(server, job, "reset");
  await step(server, job, 2, 20);
  await ask(server, job, "stop");
  await run.result();
  const series = await losses(server, job);
  assertEquals(series.get(2)!.slice(1, 21), series.get(1)!.slice(1, 21));
});

Deno.test("a reset begins a fork anew, on the samples that it was made for", async () => {
  await using server = await ServerProcess.start();
  const parent = await server.submit(SPIRALS, { max_epochs: 100_000, max_steps: 60 });
  await server.state(parent, "completed");
  const { body } = await server.call("POST", `/jobs/${parent}/fork`, {
    selection: { kind: "hardest", n: 64 },
    config: { max_steps: 30, max_epochs: 100_000 },
    lr_mul: 0.5,
  });
  const fork = String(body["id"]);
  await server.state(fork, "completed");
  await ask(server, fork, "reset");
  await ask(server, fork, "resume");
  await server.event(`/jobs/${fork}/events?types=finalizeRun`, ({ data }) => data["take"] === 2);
  const series = await losses(server, fork);
  assertEquals(series.get(2)?.length, 31);
  assertEquals(series.get(2), series.get(1));
});

Deno.test("a script that gave its module is certified by a worker of the server's", async () => {
  const port = freePort();
  await using server = await ServerProcess.start(
    "--dashboard-port",
    String(port),
    "--backend",
    "cpu",
  );
  const files = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${files}/numbers.txt`, "1,2,3,4,5,6,7,8");
    await using run = await AttachedRun.start({ port, files, backend: "cpu" }, MODULE);
    const { job } = await run.result();
    assertEquals((await ask(server, job!, "certificate"))["result"], "identical");
  } finally {
    await Deno.remove(files, { recursive: true });
  }
});
