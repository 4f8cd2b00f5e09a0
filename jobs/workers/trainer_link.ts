import type {
  CommandName,
  CommandPayload,
  CommandResults,
} from "../../runtime/protocol/commands.ts";
import { clipText } from "../../runtime/protocol/clip_text.ts";
import {
  type EventStamp,
  TRAINER_EVENT_TYPES,
  type TrainerEvent,
} from "../../runtime/protocol/events.ts";
import { CommandFailedError } from "../errors.ts";
import { LineSplitter } from "./line_splitter.ts";
import { LineWriter } from "./line_writer.ts";
import { OutputLog } from "./output_log.ts";

/** A protocol event as it arrived: parsed, and its JSON text for the log. */
export interface ReceivedEvent {
  event: TrainerEvent;
  json: string;
}

/** One live trainer: commands go in, replies and events come out in the order they were written. */
export interface TrainerLink {
  /**
   * Sends a command. Resolves with the reply's data, after the handler has seen every event that
   * was written before the reply.
   * @throws {CommandFailedError} when the trainer refuses it, or is gone before it replies.
   */
  send<C extends CommandName>(command: C, payload: CommandPayload<C>): Promise<CommandResults[C]>;
  /** Confirms events up to this `event_seq` of the attempt. */
  acknowledge(eventSeq: number): void;
  /** The one receiver of events, called in order, synchronously. Set before the first turn ends. */
  onEvent(handler: (received: ReceivedEvent) => void): void;
  /** Resolves when the trainer's output has ended and every event was handed over. */
  readonly closed: Promise<void>;
}

/** Which attempt of which job a trainer is. */
export type TrainerIdentity = Pick<EventStamp, "run_id" | "run_gen" | "session_id">;

/** What a {@linkcode StdioTrainerLink} needs. */
export interface StdioLinkOptions {
  /** Begins every protocol line of this attempt. */
  token: string;
  /** Stamps the `log` events that the link makes of other output. */
  identity: TrainerIdentity;
  stdin: WritableStream<Uint8Array>;
  stdout: ReadableStream<Uint8Array>;
  stderr: ReadableStream<Uint8Array>;
  /** Sees each line of standard error, whether it becomes an event or not. */
  onErrorLine?: (line: string) => void;
  now?: () => number;
}

interface WaitingReply {
  command: CommandName;
  resolve: (data: never) => void;
  reject: (error: CommandFailedError) => void;
}

/** The line to a worker, over its standard streams. */
export class StdioTrainerLink implements TrainerLink {
  readonly closed: Promise<void>;
  readonly #options: StdioLinkOptions;
  readonly #identity: TrainerIdentity;
  readonly #writer: LineWriter;
  readonly #output: OutputLog;
  readonly #replies = new Map<string, WaitingReply>();
  /** What arrived before there was a handler. */
  #early: ReceivedEvent[] = [];
  #handler: ((received: ReceivedEvent) => void) | null = null;
  #commands = 0;
  #lastEventSeq = 0;
  #gone = false;

  constructor(options: StdioLinkOptions) {
    this.#options = options;
    const { run_id, run_gen, session_id } = options.identity;
    this.#identity = { run_id, run_gen, session_id };
    this.#writer = new LineWriter(options.stdin);
    this.#output = new OutputLog((level, source, message) => this.#log({ level, source, message }));
    this.closed = this.#readAll();
  }

  send<C extends CommandName>(
    command: C,
    payload: CommandPayload<C>,
  ): Promise<CommandResults[C]> {
    if (this.#gone) return Promise.reject(workerGone(command));
    const id = `c${++this.#commands}`;
    return new Promise((resolve, reject) => {
      this.#replies.set(id, { command, resolve, reject });
      this.#writer.write(JSON.stringify({ id, cmd: command, payload }));
    });
  }

  acknowledge(eventSeq: number): void {
    const { run_id, run_gen } = this.#identity;
    this.#writer.writeLatest(
      JSON.stringify({ cmd: "ack", payload: { run_id, run_gen, event_seq: eventSeq } }),
    );
  }

  onEvent(handler: (received: ReceivedEvent) => void): void {
    this.#handler = handler;
    const early = this.#early;
    this.#early = [];
    for (const received of early) handler(received);
  }

  /** Writes a line that is no command: the launch context. */
  writeLine(line: string): void {
    this.#writer.write(line);
  }

  /** Closes the trainer's input once it has taken what was written: the request to end. */
  closeInput(): void {
    this.#writer.close();
  }

  async #readAll(): Promise<void> {
    const { stdout, stderr, token, onErrorLine } = this.#options;
    const fromOutput = new LineSplitter(token, {
      protocol: (json) => this.#receive(json),
      output: (line, truncated) =>
        this.#output.line("info", "stdout", truncated ? line + TRUNCATED : line),
    });
    const fromErrors = new LineSplitter(null, {
      protocol: () => {},
      output: (line, truncated) => {
        onErrorLine?.(line);
        this.#output.line("warn", "stderr", truncated ? line + TRUNCATED : line);
      },
    });
    try {
      await Promise.all([split(stdout, fromOutput), split(stderr, fromErrors)]);
    } finally {
      this.#output.end();
      this.#endReplies();
      this.#writer.close();
    }
  }

  #receive(json: string | null): void {
    if (json === null) return this.#warn("a protocol line was too long and is lost");
    let message: unknown;
    try {
      message = JSON.parse(json);
    } catch {
      return this.#warn(`a protocol line is no JSON: ${json.slice(0, 200)}`);
    }
    if (isEvent(message)) this.#receiveEvent(message, json);
    else if (isReply(message)) this.#receiveReply(message);
    else this.#warn(`a protocol line is neither event nor reply: ${json.slice(0, 200)}`);
  }

  #receiveEvent(event: TrainerEvent, json: string): void {
    if (event.event_seq !== this.#lastEventSeq + 1) {
      this.#warn(`event ${event.event_seq} came after event ${this.#lastEventSeq}`);
    }
    this.#lastEventSeq = event.event_seq;
    this.#hand({ event, json });
  }

  #receiveReply(reply: ReceivedReply): void {
    const waiting = this.#replies.get(reply.id);
    if (waiting === undefined) return this.#warn(`a reply to ${reply.id}, which waits for none`);
    this.#replies.delete(reply.id);
    if (reply.ok) return waiting.resolve(reply.data as never);
    waiting.reject(
      new CommandFailedError(`${reply.error}`, clipText(`${reply.detail}`, REFUSAL_TEXT)),
    );
  }

  #hand(received: ReceivedEvent): void {
    if (this.#handler === null) this.#early.push(received);
    else this.#handler(received);
  }

  #warn(message: string): void {
    this.#output.line("warn", "trainer", message);
  }

  #log(fields: Pick<TrainerEvent<"log">, "level" | "source" | "message">): void {
    const ts = (this.#options.now ?? Date.now)();
    const event: TrainerEvent<"log"> = {
      type: "log",
      ...fields,
      ...this.#identity,
      event_seq: 0,
      ts,
    };
    this.#hand({ event, json: JSON.stringify(event) });
  }

  #endReplies(): void {
    this.#gone = true;
    for (const waiting of this.#replies.values()) waiting.reject(workerGone(waiting.command));
    this.#replies.clear();
  }
}

/** Characters of a refusal that are kept: it goes into a receipt, and KV's values are small. */
const REFUSAL_TEXT = 4_000;
const TRUNCATED = " … (truncated)";

interface ReceivedReply {
  id: string;
  ok: boolean;
  data?: unknown;
  error?: unknown;
  detail?: unknown;
}

function isReply(message: unknown): message is ReceivedReply {
  const reply = message as Partial<ReceivedReply> | null;
  return typeof reply?.id === "string" && typeof reply.ok === "boolean";
}

function isEvent(message: unknown): message is TrainerEvent {
  const event = message as { type?: unknown; event_seq?: unknown; ts?: unknown; step?: unknown };
  return typeof event?.type === "string" && Object.hasOwn(TRAINER_EVENT_TYPES, event.type) &&
    isCount(event.event_seq) && typeof event.ts === "number" &&
    (event.step === undefined || isCount(event.step));
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

async function split(stream: ReadableStream<Uint8Array>, splitter: LineSplitter): Promise<void> {
  for await (const chunk of stream) splitter.push(chunk);
  splitter.end();
}

function workerGone(command: CommandName): CommandFailedError {
  return new CommandFailedError("worker_gone", `the worker ended before it answered ${command}`);
}
