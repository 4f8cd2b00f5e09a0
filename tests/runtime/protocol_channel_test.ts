import { assert, assertEquals } from "@std/assert";
import type { TrainerEvents } from "../../runtime/protocol/events.ts";
import { createChannel } from "../../runtime/protocol/channel.ts";
import { StdioTransport } from "../../runtime/protocol/transport.ts";
import { TrainerPipes } from "../fixtures/trainer_pipes.ts";

const identity = { run_id: "job-1", run_gen: 2, session_id: "sess-1" };

/** The other side of a transport: what was written, and what can be read. */
class Peer {
  readonly writes: Uint8Array[] = [];
  readonly #lines: Uint8Array[] = [];
  #wake = () => {};
  #ended = false;
  broken = false;
  /** Most bytes that one write takes. */
  takes = Infinity;

  /** Sends bytes to the channel. */
  send(text: string): void {
    this.#lines.push(new TextEncoder().encode(text));
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#lines.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const chunk = this.#lines.shift();
    if (chunk === undefined) return null;
    into.set(chunk);
    return chunk.length;
  }

  writeSync(bytes: Uint8Array): number {
    if (this.broken) throw new Deno.errors.BrokenPipe("gone");
    const taken = bytes.subarray(0, this.takes);
    this.writes.push(taken.slice());
    return taken.length;
  }

  frames(): Record<string, unknown>[] {
    const decoder = new TextDecoder();
    const text = this.writes.map((bytes) => decoder.decode(bytes, { stream: true })).join("");
    return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  }
}

function open() {
  const peer = new Peer();
  return { peer, channel: createChannel(new StdioTransport(peer), identity) };
}

function step(number: number, loss = 0.5): TrainerEvents["trainStep"] {
  const unknown = { val_loss: null, accuracy: null, weight_norm: null, activation_zero_frac: null };
  const none = { throughput: null, mem_vram: null, gpu_util: null };
  const known = { step: number, axis_step: number, epoch: 0, loss, lr: 0.1, grad_norm: NaN };
  return { ...known, ...unknown, ...none };
}

Deno.test("emit() stamps and numbers events; non-finite numbers travel as null", () => {
  const { peer, channel } = open();
  assertEquals(channel.emit("paused", { step: 3, epoch: 1, reason: "command", checkpoint: 2 }), 1);
  assertEquals(channel.emit("trainStep", step(4, Infinity)), 2);
  channel.flush();
  const [paused, trained] = peer.frames();
  assert(typeof paused?.ts === "number");
  assertEquals({ ...paused, ts: 0 }, {
    ...identity,
    type: "paused",
    event_seq: 1,
    ts: 0,
    step: 3,
    epoch: 1,
    reason: "command",
    checkpoint: 2,
  });
  assertEquals([trained?.loss, trained?.grad_norm, trained?.lr], [null, null, 0.1]);
  peer.end();
});

Deno.test("steps that wait leave before whatever is said after them", () => {
  const { peer, channel } = open();
  channel.emit("resumed", { step: 0, epoch: 0 });
  for (let number = 1; number <= 3; number++) channel.emit("trainStep", step(number));
  channel.reply("c1", { applied_at_step: 3 });
  const said = peer.frames().map(({ type, step, id }) => type ?? id ?? step);
  assertEquals(said, ["resumed", "trainStep", "trainStep", "trainStep", "c1"]);
  peer.end();
});

Deno.test("a write that takes only part of the bytes is repeated until all are out", () => {
  const { peer, channel } = open();
  peer.takes = 7;
  const message = "ä€😀".repeat(50);
  channel.emit("log", { level: "info", message, source: "module" });
  assert(peer.writes.length > 20);
  assertEquals(peer.frames()[0]?.message, message);
  peer.end();
});

Deno.test("a frame longer than the buffer leaves whole", () => {
  const { peer, channel } = open();
  const message = "€".repeat(200_000);
  channel.emit("trainStep", step(1));
  channel.emit("log", { level: "info", message, source: "module" });
  channel.emit("resumed", { step: 1, epoch: 0 });
  assertEquals(peer.frames().map(({ type }) => type), ["trainStep", "log", "resumed"]);
  assertEquals(peer.frames()[1]?.message, message);
  peer.end();
});

Deno.test("poll() gives commands in order, and null when there is none", async () => {
  const { peer, channel } = open();
  assertEquals(channel.poll(), null);
  peer.send('{"id":"c1","cmd":"pause","payload":{}}\n{"id":"c2","cmd":"set_hp');
  await channel.waitForCommand();
  assertEquals(channel.poll(), { id: "c1", cmd: "pause", payload: {} });
  assertEquals(channel.poll(), null);
  peer.send('arams","payload":{"lr":0.1}}\n');
  await channel.waitForCommand();
  assertEquals(channel.poll(), { id: "c2", cmd: "set_hparams", payload: { lr: 0.1 } });
  peer.end();
});

Deno.test("a command that cannot be done as it stands is refused at once", async () => {
  const { peer, channel } = open();
  peer.send('{"id":"c1","cmd":"dance"}\n{"id":"c2","cmd":"set_hparams","payload":{"lr":-1}}\n');
  peer.send('nonsense\nnull\n{"cmd":"pause"}\n{"id":"c3","cmd":"toString"}\n');
  peer.send('{"id":"c4","cmd":"stop"}\n');
  await channel.waitForCommand();
  assertEquals(channel.poll(), { id: "c4", cmd: "stop", payload: {} });
  assertEquals(channel.poll(), null);
  const frames = peer.frames();
  const replies = frames.filter(({ id }) => id !== undefined);
  assertEquals(replies.map(({ id, ok, error }) => [id, ok, error]), [
    ["c1", false, "unknown_command"],
    ["c2", false, "bad_payload"],
    ["c3", false, "unknown_command"],
  ]);
  assert(`${replies[0]?.detail}`.includes("set_hparams"));
  assert(`${replies[1]?.detail}`.includes("lr"));
  assertEquals(frames.filter(({ type }) => type === "log").length, 3);
  peer.end();
});

Deno.test("durable() resolves when its event is acknowledged", async () => {
  const { peer, channel } = open();
  const first = channel.emit("resumed", { step: 0, epoch: 0 });
  const second = channel.emit("resumed", { step: 0, epoch: 0 });
  const order: string[] = [];
  const waits = [
    channel.durable(second).then(() => order.push("second")),
    channel.durable(first).then(() => order.push("first")),
  ];
  peer.send(`{"cmd":"ack","payload":{"event_seq":${first}}}\n`);
  await waits[1];
  assertEquals(order, ["first"]);
  peer.send(`{"cmd":"ack","payload":{"event_seq":${second}}}\n`);
  await Promise.all(waits);
  await channel.durable(first);
  peer.end();
});

Deno.test("the end of the input ends every wait", async () => {
  const { peer, channel } = open();
  const waits = [
    channel.waitForCommand(),
    channel.durable(channel.emit("resumed", { step: 0, epoch: 0 })),
  ];
  assertEquals(channel.ended, false);
  peer.end();
  await Promise.all(waits);
  assertEquals(channel.ended, true);
  assertEquals(channel.poll(), null);
});

Deno.test("a reader that is gone ends the channel, and throws nowhere", () => {
  const { peer, channel } = open();
  peer.broken = true;
  channel.emit("resumed", { step: 0, epoch: 0 });
  assertEquals(channel.ended, true);
  channel.emit("trainStep", step(1));
  channel.flush();
  peer.end();
});

Deno.test("a channel and a link understand each other", async () => {
  const pipes = new TrainerPipes();
  const channel = pipes.channel();
  const seen: unknown[] = [];
  pipes.link.onEvent(({ event }) => seen.push(event.type));
  const reply = pipes.link.send("save_ckpt", { reason: "explicit", label: "ü" });
  await channel.waitForCommand();
  const command = channel.poll();
  assertEquals(command?.payload, { reason: "explicit", label: "ü" });
  const eventSeq = channel.emit("progress", { task: "save", done: 1, total: 1, step: 0 });
  channel.reply(command?.id ?? "", { applied_at_step: 0, epoch: 0, checkpoint: 1 });
  assertEquals((await reply).checkpoint, 1);
  assertEquals(seen, ["progress"]);
  pipes.link.acknowledge(eventSeq);
  await channel.durable(eventSeq);
  pipes.link.closeInput();
  await channel.waitForCommand();
  assertEquals(channel.ended, true);
  await pipes.end();
  await pipes.link.closed;
});
