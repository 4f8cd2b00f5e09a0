import { assertEquals, assertRejects } from "@std/assert";
import { CommandFailedError } from "../../jobs/errors.ts";
import { MAX_LINES_A_SECOND } from "../../jobs/workers/output_log.ts";
import type { ReceivedEvent } from "../../jobs/workers/trainer_link.ts";
import { TrainerPipes } from "../fixtures/trainer_pipes.ts";

const stamp = { run_id: "job-1", run_gen: 2, session_id: "sess-1", ts: 5 };
const step = (number: number) => ({ ...stamp, type: "trainStep", step: number, event_seq: number });

/** Ends the line and answers every event it brought. */
async function eventsOf(pipes: TrainerPipes): Promise<ReceivedEvent[]> {
  const received: ReceivedEvent[] = [];
  pipes.link.onEvent((event) => received.push(event));
  await pipes.end();
  await pipes.link.closed;
  return received;
}

function messages(received: ReceivedEvent[]): string[] {
  return received.flatMap(({ event }) => event.type === "log" ? [event.message] : []);
}

Deno.test("TrainerLink hands events over in order, with their JSON as it came", async () => {
  const pipes = new TrainerPipes();
  const json = '{"step":1,  "loss":0.5,"type":"trainStep","event_seq":1,"ts":5}';
  pipes.frame(json);
  pipes.frame(step(2));
  const received = await eventsOf(pipes);
  assertEquals(received.map(({ json }) => json), [json, JSON.stringify(step(2))]);
  assertEquals(received.map(({ event }) => event.event_seq), [1, 2]);
});

Deno.test("TrainerLink makes log events of all other output", async () => {
  const pipes = new TrainerPipes();
  pipes.print('{"type":"trainStep","event_seq":1}\n');
  pipes.print("half");
  pipes.frame(step(1));
  pipes.printError("warning\n");
  const received = await eventsOf(pipes);
  const logs = received.flatMap(({ event }) => event.type === "log" ? [event] : []);
  const made = { ...stamp, ts: 1_000, type: "log", event_seq: 0 };
  assertEquals(logs.filter(({ source }) => source === "stdout"), [
    { ...made, source: "stdout", level: "info", message: '{"type":"trainStep","event_seq":1}' },
    { ...made, source: "stdout", level: "info", message: "half" },
  ]);
  assertEquals(logs.filter(({ source }) => source === "stderr"), [
    { ...made, source: "stderr", level: "warn", message: "warning" },
  ]);
  for (const { event, json } of received) assertEquals(JSON.parse(json), event);
});

Deno.test("TrainerLink warns of frames that it cannot read, and goes on", async () => {
  const pipes = new TrainerPipes();
  const frames: unknown[] = ["not json", "null", "[]", { type: "made_up", event_seq: 1, ts: 1 }];
  frames.push({ ...step(1), step: -1 }, { ...step(1), event_seq: "1" }, { id: "c9", ok: true });
  for (const frame of frames) pipes.frame(frame);
  pipes.frame(step(1));
  pipes.frame(step(3));
  const received = await eventsOf(pipes);
  assertEquals(messages(received).length, frames.length + 1);
  assertEquals(messages(received).at(-1), "event 3 came after event 1");
  assertEquals(received.filter(({ event }) => event.type === "trainStep").length, 2);
});

Deno.test("TrainerLink counts the lines past its rate", async () => {
  const pipes = new TrainerPipes();
  const lines = Array.from({ length: 1_000 }, (_, line) => `line ${line}`);
  pipes.print(lines.join("\n"));
  const received = await eventsOf(pipes);
  const dropped = `${1_000 - MAX_LINES_A_SECOND} lines dropped`;
  assertEquals(messages(received), [...lines.slice(0, MAX_LINES_A_SECOND), dropped]);
});

Deno.test("send() resolves after the events that came before the reply", async () => {
  const pipes = new TrainerPipes();
  const order: string[] = [];
  pipes.link.onEvent(({ event }) => order.push(event.type));
  const paused = pipes.link.send("pause", {}).then((data) => order.push(`${data.applied_at_step}`));
  const [command] = await pipes.written(1);
  const { id, cmd, payload } = JSON.parse(command ?? "");
  assertEquals({ cmd, payload }, { cmd: "pause", payload: {} });
  pipes.frame(step(1));
  pipes.frame({ id, ok: true, data: { applied_at_step: 1, epoch: 0, checkpoint: 1 } });
  await paused;
  assertEquals(order, ["trainStep", "1"]);
  await pipes.end();
  await pipes.link.closed;
});

Deno.test("send() rejects with the trainer's refusal, and when the worker is gone", async () => {
  const pipes = new TrainerPipes();
  const refused = pipes.link.send("resume", {});
  const [command] = await pipes.written(1);
  pipes.frame({ id: JSON.parse(command ?? "").id, ok: false, error: "bad_state", detail: "no" });
  const refusal = await assertRejects(() => refused, CommandFailedError, "no");
  assertEquals(refusal.code, "bad_state");

  const unanswered = pipes.link.send("stop", {});
  await Promise.all([assertRejects(() => unanswered, CommandFailedError, "stop"), pipes.end()]);
  await pipes.link.closed;
  const late = await assertRejects(() => pipes.link.send("stop", {}), CommandFailedError);
  assertEquals(late.code, "worker_gone");
});

Deno.test("a worker that never reads keeps nobody waiting, and gets the newest ack", async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const pipes = new TrainerPipes({ stdin: writable });
  for (let eventSeq = 1; eventSeq <= 1_000; eventSeq++) pipes.link.acknowledge(eventSeq);
  const reader = readable.getReader();
  const seen: number[] = [];
  while (seen.at(-1) !== 1_000) {
    const { value } = await reader.read();
    for (const line of new TextDecoder().decode(value).trim().split("\n")) {
      seen.push(JSON.parse(line).payload.event_seq);
    }
  }
  assertEquals(seen, [1, 1_000]);
  pipes.link.closeInput();
  assertEquals((await reader.read()).done, true);
  await eventsOf(pipes);
});
