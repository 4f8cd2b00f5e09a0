/**
 * The trainer's side of the line.
 *
 * What this file needs of JavaScript and Deno it takes when it is imported, which is before any job
 * module runs: a module that patches `JSON.stringify`, `Array.prototype` or `Deno.stdout` later can
 * neither break the stream nor read the token that begins a protocol line. For the same reason
 * nothing here goes through an array or a method that a module could have replaced.
 *
 * There is no backlog here beyond one write: standard output is a pipe, a full pipe blocks the
 * write, so training waits for a server that does not read, and no event is ever dropped.
 */
import {
  type Command,
  COMMAND_PAYLOADS,
  type CommandName,
  LaunchContext,
  type Reply,
} from "./commands.ts";
import type { TrainerEvents, TrainerEventType } from "./events.ts";
import { stdioEnds, StdioTransport, type TrainerTransport } from "./transport.ts";

const { stringify, parse } = JSON;
const now = Date.now;
const hasOwn = Object.hasOwn;
const { apply } = Reflect;
const sliceString = String.prototype.slice;
const NativePromise = Promise;
const knownCommands = Object.keys(COMMAND_PAYLOADS).join(", ");

/** Bytes of buffered steps after which they are written. */
const BUFFER_BYTES = 32 * 1024;
/** Age in ms of buffered steps after which the next one is written with them. */
const BUFFER_MS = 10;

/** Whose events these are; the stamp of each. */
export interface ChannelIdentity {
  run_id: string;
  run_gen: number;
  session_id: string;
}

/** What the session speaks through: events and replies out, commands in. */
export interface TrainerChannel {
  /**
   * Sends an event and answers its `event_seq`, which rises by one from 1. A `trainStep` may wait
   * some milliseconds for company, until `flush()` at the latest; any other type leaves at once,
   * behind what waits. Non-finite numbers travel as null.
   */
  emit<T extends TrainerEventType>(type: T, fields: TrainerEvents[T]): number;
  /** Answers a command with what it did. */
  reply(id: string, data: Record<string, unknown>): void;
  /** Answers a command with why it was not done: a code, and a sentence. */
  fail(id: string, error: string, detail: string): void;
  /** Whether `poll()` looks at the line itself, so that what arrives needs no turn of the event loop. */
  readonly looks: boolean;
  /** Whether `poll()` has something. */
  readonly pending: boolean;
  /** The next command, if one has arrived. Its payload is checked. */
  poll(): Command | null;
  /** Resolves when `poll()` has something, or the input has ended. */
  waitForCommand(): Promise<void>;
  /** Whether the other side has closed the line, or is gone. */
  readonly ended: boolean;
  /** Resolves when the event of this number is acknowledged, or nobody is there to do so. */
  durable(eventSeq: number): Promise<void>;
  /** Writes what waits. */
  flush(): void;
  /** Resolves when events may be added; at once, where a flush itself waits for the reader. */
  room(): Promise<void>;
}

/**
 * Opens the line of a worker on its standard input and output. The context comes without its token:
 * only the channel knows it.
 * @throws {z.ZodError} when the first line is no {@linkcode LaunchContext}.
 * @throws {Error} when the input ends before it.
 */
export async function openStdioChannel(): Promise<
  { context: LaunchContext; channel: TrainerChannel }
> {
  const transport = new StdioTransport(stdioEnds());
  const line = await transport.readLine();
  if (line === null) throw new Error("standard input ended before the launch context");
  const context = LaunchContext.parse(parse(line));
  transport.begin(context.token);
  transport.readByThread();
  return { context: { ...context, token: "" }, channel: createChannel(transport, context) };
}

/** Speaks the trainer protocol over any transport. Reading starts at once. */
export function createChannel(
  transport: TrainerTransport,
  identity: ChannelIdentity,
): TrainerChannel {
  return new LineChannel(transport, identity);
}

interface QueuedCommand {
  command: Command;
  next: QueuedCommand | null;
}

class LineChannel implements TrainerChannel {
  readonly #transport: TrainerTransport;
  readonly #stamp: string;
  #lastFlush = 0;
  #eventSeq = 0;
  #acknowledged = 0;
  #ended = false;
  #first: QueuedCommand | null = null;
  #last: QueuedCommand | null = null;
  #changed!: Promise<void>;
  #wake!: () => void;

  constructor(transport: TrainerTransport, identity: ChannelIdentity) {
    this.#transport = transport;
    const { run_id, run_gen, session_id } = identity;
    this.#stamp = apply(sliceString, stringify({ run_id, run_gen, session_id }), [1, -1]);
    this.#renewChanged();
    this.#readCommands();
  }

  get ended(): boolean {
    return this.#ended;
  }

  emit<T extends TrainerEventType>(type: T, fields: TrainerEvents[T]): number {
    const eventSeq = ++this.#eventSeq;
    const ts = now();
    const inner = apply(sliceString, stringify(fields), [1, -1]);
    // The stamp comes last: of two equal keys JSON.parse keeps the last one.
    this.#transport.frame(
      "{" + inner + (inner === "" ? "" : ",") + '"type":"' + type + '",' + this.#stamp +
        ',"event_seq":' + eventSeq + ',"ts":' + ts + "}",
      eventSeq,
    );
    if (
      type !== "trainStep" || ts - this.#lastFlush >= BUFFER_MS ||
      this.#transport.waiting >= BUFFER_BYTES
    ) this.flush();
    return eventSeq;
  }

  reply(id: string, data: Record<string, unknown>): void {
    this.#answer({ id, ok: true, data });
  }

  fail(id: string, error: string, detail: string): void {
    this.#answer({ id, ok: false, error, detail });
  }

  get looks(): boolean {
    return this.#transport.looks === true;
  }

  get pending(): boolean {
    this.#takeArrived();
    return this.#first !== null;
  }

  poll(): Command | null {
    this.#takeArrived();
    const queued = this.#first;
    if (queued === null) return null;
    this.#first = queued.next;
    if (this.#first === null) this.#last = null;
    return queued.command;
  }

  async waitForCommand(): Promise<void> {
    while (this.#first === null && !this.#ended) await this.#changed;
  }

  async durable(eventSeq: number): Promise<void> {
    this.flush();
    while (this.#acknowledged < eventSeq && !this.#ended && this.#transport.linked !== false) {
      await this.#changed;
    }
  }

  async room(): Promise<void> {
    await this.#transport.room?.();
  }

  flush(): void {
    this.#lastFlush = now();
    if (this.#transport.waiting === 0) return;
    try {
      this.#transport.flush();
    } catch {
      // Nobody is left to read: the session sees `ended`, as it does when the input closes.
      this.#end();
    }
  }

  #answer(reply: Reply): void {
    this.#transport.frame(stringify(reply));
    this.flush();
  }

  #takeArrived(): void {
    while (!this.#ended) {
      const line = this.#transport.arrivedLine?.();
      if (line === undefined) return;
      if (line === null) return this.#end();
      if (line !== "") this.#receive(line);
      this.#signal();
    }
  }

  async #readCommands(): Promise<void> {
    try {
      for (;;) {
        const line = await this.#transport.readLine();
        if (line === null) break;
        if (line !== "") this.#receive(line);
        this.#signal();
      }
    } catch {
      // A broken input is an ended input: the session sees `ended` either way.
    }
    this.#end();
  }

  #receive(line: string): void {
    let message: { id?: unknown; cmd?: unknown; payload?: unknown };
    try {
      message = parse(line);
    } catch {
      return this.#warn("a line that is no JSON came in place of a command");
    }
    const { id, cmd, payload } = message ?? {};
    if (cmd === "ack") return this.#acknowledge(payload);
    if (typeof id !== "string") return this.#warn("a command came without an id");
    if (typeof cmd !== "string" || !hasOwn(COMMAND_PAYLOADS, cmd)) {
      return this.fail(
        id,
        "unknown_command",
        `there is no command ${cmd}; known: ${knownCommands}`,
      );
    }
    this.#enqueue(id, cmd as CommandName, payload);
  }

  #enqueue(id: string, cmd: CommandName, payload: unknown): void {
    const checked = COMMAND_PAYLOADS[cmd].safeParse(payload ?? {});
    if (!checked.success) return this.fail(id, "bad_payload", `${cmd}: ${checked.error.message}`);
    const queued: QueuedCommand = {
      command: { id, cmd, payload: checked.data } as Command,
      next: null,
    };
    if (this.#last === null) this.#first = queued;
    else this.#last.next = queued;
    this.#last = queued;
  }

  #acknowledge(payload: unknown): void {
    const eventSeq = (payload as { event_seq?: unknown } | null)?.event_seq;
    if (typeof eventSeq === "number" && eventSeq > this.#acknowledged) {
      this.#acknowledged = eventSeq;
    }
  }

  #warn(message: string): void {
    this.emit("log", { level: "warn", message, source: "trainer" });
  }

  #end(): void {
    this.#ended = true;
    this.#signal();
  }

  #signal(): void {
    this.#wake();
    this.#renewChanged();
  }

  #renewChanged(): void {
    this.#changed = new NativePromise((resolve) => this.#wake = resolve);
  }
}
