import { setImmediate } from "node:timers";
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Hello } from "../../runtime/protocol/attachment.ts";
import { createChannel, type TrainerChannel } from "../../runtime/protocol/channel.ts";
import { Backlog } from "../../runtime/trainer/backlog.ts";
import { TcpTransport } from "../../runtime/trainer/tcp_transport.ts";
import { FakeTimers } from "../fixtures/fake_timers.ts";
import { hello } from "../fixtures/trainer_client.ts";

const IDENTITY = { run_id: "run-1", run_gen: 1, session_id: "script-1" };

/** A server's end of one line, written by hand. */
class Peer {
  readonly #decoder = new TextDecoder();
  #head = "";

  constructor(readonly socket: Deno.TcpConn) {}

  async send(message: unknown): Promise<void> {
    await this.socket.write(new TextEncoder().encode(JSON.stringify(message) + "\n"));
  }

  /** The lines that have come once there are `count` of them. */
  async lines(count: number): Promise<Record<string, unknown>[]> {
    const chunk = new Uint8Array(65_536);
    const lines: Record<string, unknown>[] = [];
    while (lines.length < count) {
      const parts = this.#head.split("\n");
      this.#head = parts.pop()!;
      lines.push(...parts.map((part) => JSON.parse(part)));
      if (lines.length >= count) break;
      const read = await this.socket.read(chunk);
      if (read === null) break;
      this.#head += this.#decoder.decode(chunk.subarray(0, read));
    }
    return lines;
  }

  async attach(acknowledged: number): Promise<Hello> {
    const [first] = await this.lines(1);
    await this.send({
      id: "attach",
      cmd: "attach_context",
      payload: {
        job: "job-1",
        session: "sess-1",
        run_name: "x",
        url: null,
        checkpoint_dir: "/nowhere",
        acknowledged,
        server: { protocol: 1 },
      },
    });
    return first as Hello;
  }
}

interface Parts {
  channel: TrainerChannel;
  transport: TcpTransport;
  backlog: Backlog;
  troubles: string[];
  accept: () => Promise<Peer>;
  /** Stops and begins to listen, on the same port. */
  away: () => void;
  back: () => void;
}

/** Long enough for what the system has in hand, such as a dial that nobody answers. */
async function turn(): Promise<void> {
  for (let count = 0; count < 3; count++) await new Promise((resolve) => setImmediate(resolve));
}

async function withLine(
  limits: { memory: number; disk: number },
  use: (parts: Parts) => Promise<void>,
) {
  const folder = await Deno.makeTempDir();
  let listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const sockets: Deno.TcpConn[] = [];
  const troubles: string[] = [];
  const backlog = new Backlog(`${folder}/backlog`, limits);
  const transport = new TcpTransport({
    hostname: "127.0.0.1",
    port,
    backlog,
    hello: () => hello({ oldest: backlog.oldest }),
    onAttached: () => {},
    onDetached: () => {},
    onTrouble: (message) => troubles.push(message),
  });
  const channel = createChannel(transport, IDENTITY);
  const accept = async () => {
    const socket = await listener.accept();
    sockets.push(socket);
    return new Peer(socket);
  };
  try {
    const away = () => listener.close();
    const back = () => listener = Deno.listen({ hostname: "127.0.0.1", port });
    await use({ channel, transport, backlog, troubles, accept, away, back });
  } finally {
    await transport.close();
    for (const socket of sockets) closed(socket);
    listener.close();
    await Deno.remove(folder, { recursive: true });
  }
}

/** Closes what a test may have closed itself. */
function closed(socket: Deno.TcpConn): void {
  try {
    socket.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

const log = (channel: TrainerChannel, message: string) =>
  channel.emit("log", { level: "info", message, source: "module" });
const numbers = (lines: Record<string, unknown>[]) => lines.map((line) => line["event_seq"]);
const ack = (event_seq: number) => ({
  cmd: "ack",
  payload: { run_id: "run-1", run_gen: 1, event_seq },
});

Deno.test("TcpTransport sends again what was not acknowledged, and nothing else", async () => {
  await withLine({ memory: 1e6, disk: 1e6 }, async ({ channel, transport, backlog, accept }) => {
    log(channel, "before there is a server");
    transport.start();
    const first = await accept();
    await first.attach(0);
    log(channel, "a second");
    const lines = await first.lines(3);
    assertEquals(numbers(lines.filter(({ type }) => type === "log")), [1, 2]);
    await first.send(ack(1));
    await first.send({ id: "c1", cmd: "pause", payload: {} });
    await channel.waitForCommand();
    first.socket.closeWrite();

    const second = await accept();
    log(channel, "a third");
    assertEquals((await second.attach(1)).oldest, 2);
    assertEquals(numbers((await second.lines(3)).slice(1)), [2, 3]);
    await second.send(ack(3));
    await transport.settle(5_000);
    assertEquals([transport.settled, backlog.oldest], [true, 4]);
  });
});

Deno.test("TcpTransport whose server is gone for an hour dials on, and then nothing is missing or twice", async () => {
  await withLine({ memory: 64_000, disk: 1e8 }, async (parts) => {
    const { channel, transport, backlog, accept, away, back } = parts;
    using timers = new FakeTimers();
    transport.start();
    const first = await accept();
    await first.attach(0);
    log(channel, "while it is there");
    await first.lines(2);
    await first.send(ack(1));
    await first.send({ id: "c1", cmd: "pause", payload: {} });
    await channel.waitForCommand();

    away();
    first.socket.close();
    const gone = timers.now;
    let told = 1;
    while (timers.now - gone < 3_600_000) {
      for (let step = 0; step < 10; step++) told = log(channel, `step ${step} at ${timers.now}`);
      await channel.room();
      timers.tick(3_000);
      await turn();
    }
    assertEquals([told, backlog.oldest, backlog.newest], [12_001, 2, 12_001]);

    back();
    const accepted = accept();
    let there = false;
    accepted.then(() => there = true);
    while (!there) {
      timers.tick(100);
      await turn();
    }
    const second = await accepted;
    assertEquals((await second.attach(1)).oldest, 2);
    const lines = (await second.lines(12_001)).filter(({ type }) => type === "log");
    assertEquals(numbers(lines), Array.from({ length: 12_000 }, (_, i) => i + 2));
  });
});

Deno.test("TcpTransport that a newer server refuses by its protocol lets training go on alone", async () => {
  await withLine({ memory: 1e6, disk: 1e6 }, async ({ channel, transport, troubles, accept }) => {
    transport.start();
    const peer = await accept();
    await peer.lines(1);
    await peer.send({ id: "v", cmd: "enforce_version", payload: { protocol: 99 } });
    const [reply] = await peer.lines(1);
    assertEquals([reply!["ok"], reply!["error"]], [false, "version_too_old"]);
    assertEquals(troubles, ["the server asks for protocol 99; this is 1"]);
    log(channel, "to nobody");
    assertEquals(transport.settled, true);
  });
});

Deno.test("TcpTransport.room() waits for a server that was there, once no room is left", async () => {
  await withLine({ memory: 400, disk: 0 }, async ({ channel, transport, backlog, accept }) => {
    transport.start();
    const peer = await accept();
    await peer.attach(0);
    await peer.lines(1);
    while (!backlog.full) log(channel, "one more");
    let waits = true;
    const room = channel.room().then(() => waits = false);
    await peer.lines(1);
    assertEquals(waits, true);
    await peer.send(ack(backlog.newest));
    await room;
    assertEquals(backlog.full, false);
  });
});

Deno.test("TcpTransport.room() without a server ever forgets the oldest, says so, and goes on", async () => {
  await withLine({ memory: 400, disk: 0 }, async ({ channel, backlog, troubles }) => {
    while (!backlog.full) log(channel, "one more");
    await channel.room();
    assertEquals([backlog.full, troubles.length], [false, 1]);
    assertStringIncludes(troubles[0]!, "no server yet");
  });
});

Deno.test("TcpTransport dials no more once it is refused, and training goes on alone", async () => {
  await withLine({ memory: 1e6, disk: 1e6 }, async ({ channel, transport, troubles, accept }) => {
    transport.start();
    const peer = await accept();
    await peer.lines(1);
    await peer.send({ id: "hello", ok: false, error: "run_claimed", detail: "another has it" });
    await peer.lines(1);
    assertEquals(troubles, ["another has it"]);
    log(channel, "to nobody");
    assertEquals([transport.settled, transport.linked], [true, false]);
    await channel.durable(1);
  });
});

Deno.test("TcpTransport answers what the line itself is asked", async () => {
  await withLine({ memory: 1e6, disk: 1e6 }, async ({ transport, accept }) => {
    transport.start();
    const peer = await accept();
    await peer.attach(0);
    await peer.send({ id: "i", cmd: "server_info", payload: {} });
    await peer.send({ id: "v", cmd: "enforce_version", payload: { protocol: 1 } });
    const replies = await peer.lines(3);
    assertEquals(replies.map(({ id, ok }) => [id, ok]), [["attach", true], ["i", true], [
      "v",
      true,
    ]]);
    assertEquals((replies[1]!["data"] as { protocol: number }).protocol, 1);
  });
});

Deno.test("TcpTransport that was closed lets training go on, and keeps nothing", async () => {
  await withLine({ memory: 400, disk: 1e6 }, async ({ channel, transport, backlog, accept }) => {
    transport.start();
    const peer = await accept();
    await peer.attach(0);
    await transport.close();
    for (let count = 0; count < 50; count++) log(channel, "to nobody");
    await channel.room();
    assertEquals([channel.ended, transport.settled], [false, true]);
    assertEquals(backlog.oldest, backlog.newest + 1);
  });
});
