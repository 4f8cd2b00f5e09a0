/** The original's trainers, and trainers that take less than ours. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UnprocessableError } from "../../jobs/errors.ts";
import { hello, started, TrainerClient } from "../fixtures/trainer_client.ts";
import { TrainerServerFixture } from "../fixtures/trainer_server_fixture.ts";

const SECONDS = 1_700_000_000.25;

/** What a Python trainer says, as its documents have it. */
function said(seq: number, type: string, fields: Record<string, unknown> = {}): unknown {
  return {
    type,
    ...fields,
    run_id: "baseline",
    session_id: "sess-py",
    event_seq: seq,
    ts: SECONDS,
  };
}

/** Its commands, each answered with ok and what belongs to it. */
async function obey(client: TrainerClient, paused: number): Promise<string[]> {
  const commands: string[] = [];
  for (let line = await client.next(); line !== null; line = await client.next()) {
    commands.push(String(line["cmd"]));
    if (line["cmd"] === "pause") await client.send(said(paused, "paused", { step: 2 }));
    await client.send({ id: line["id"], ok: true, data: { ckpt_path: "/tmp/x.pt" } });
  }
  return commands;
}

Deno.test("an original trainer is a job: its first line is an event, and it gets no acks", async () => {
  await using harness = await TrainerServerFixture.open();
  const client = await TrainerClient.connect(harness.server.port);
  const step = { epoch: 0, loss: 0.5, accuracy: null, lr: 0.1, gpu_util: "n/a", own_figure: 3 };
  await client.send(
    // They come out of order: trainStep overtakes session_started.
    said(2, "trainStep", { ...step, step: 1 }),
    said(1, "session_started", { device: "cuda:0" }),
    said(2, "trainStep", { ...step, step: 1 }),
    said(3, "trainStep", { ...step, step: 2 }),
    said(4, "runTransition", { whatever: [1, 2] }),
    said(5, "checkpoint_saved", { path: "/home/x/ring.pt" }),
  );
  const { inside } = harness;
  const find = async () => (await harness.jobs())[0];
  let job = await find();
  for (const limit = AbortSignal.timeout(5_000); job?.step !== 2; job = await find()) {
    if (limit.aborted) throw new Error("no step came");
    await inside.log.changed(inside.log.lastSeq, AbortSignal.timeout(20));
  }
  const { id, kind, run_name, backend } = await inside.untilState(job.id, "running");
  assertEquals([kind, run_name, backend?.name], ["attached", "baseline", "cuda:0"]);
  assertEquals((await inside.steps(id)).map(([, number]) => number), [1, 2]);
  assertEquals((await inside.events(id, "trainStep"))[0]!.fields["own_figure"], 3);
  assertEquals(await inside.jobs.checkpoints(id), []);

  const obeyed = obey(client, 6);
  const receipt = await inside.control(id, { command: "pause", release: false });
  assertEquals([receipt.status, receipt.applied_at_step], ["applied", 2]);
  await inside.untilState(id, "paused");
  const refused = inside.control(id, { command: "rewind", checkpoint: 1 });
  await assertRejects(() => refused, UnprocessableError);
  await client[Symbol.asyncDispose]();
  assertEquals(await obeyed, ["pause"]);
  await inside.untilState(id, "recovering");
});

Deno.test("a job takes the commands that its script's capabilities name, and says so of others", async () => {
  await using harness = await TrainerServerFixture.open();
  await using client = await TrainerClient.connect(harness.server.port);
  await client.send(hello({ capabilities: ["ack", "stop"] }), started());
  await client.until(({ cmd }) => cmd === "ack");
  const [job] = await harness.jobs();
  const error: UnprocessableError = await assertRejects(
    () => harness.inside.control(job!.id, { command: "pause", release: false }),
    UnprocessableError,
  );
  assertStringIncludes(error.message, "stop");
});
