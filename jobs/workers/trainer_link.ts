import type {
  CommandName,
  CommandPayload,
  CommandResults,
} from "../../runtime/protocol/commands.ts";
import type { EventStamp, TrainerEvent } from "../../runtime/protocol/events.ts";
import { LineSplitter } from "./line_splitter.ts";
import { LineWriter } from "./line_writer.ts";
import { OutputLog } from "./output_log.ts";
import { isEvent, isReply, PendingReplies } from "./trainer_messages.ts";

/** A protocol event as it arrived: parsed, and its JSON text for the log. */
export interface ReceivedEvent {
  event: TrainerEvent;
  json: string;
  /** Up to which event all have arrived, where they may come out of order; else this one. */
  complete?: number;
}

/** One live trainer: commands go in, replies and events come out in the order they were written. */
export interface TrainerLink {
  /**
   * Sends a command. Resolves with the reply's data, after the handler has seen every event that
   * was written before the reply.
   * @param id Names the command on the wire and in the log; left out, the line numbers it.
   * @throws {CommandFailedError} when the trainer refuses it, or is gone before it replies.
   */
  send<C extends CommandName>(
    command: C,
    payload: CommandPayload<C>,
    id?: string,
  ): Promise<CommandResults[C]>;
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
  /** Tells lines of standard error that are nobody's business: they are dropped unseen. */
  isNotice?: (line: string) => boolean;
  now?: () => number;
}

/** The line to a worker, over its standard streams. */
export class StdioTrainerLink implements TrainerLink {
  readonly closed: Promise<void>;
  readonly #options: StdioLinkOptions;
  readonly #identity: TrainerIdentity;
  readonly #writer: LineWriter;
  readonly #output: OutputLog;
  readonly #replies: PendingReplies;
  /** What arrived before there was a handler. */
  #early: ReceivedEvent[] = [];
  #handler: ((received: ReceivedEvent) => void) | null = null;
  #lastEventSeq = 0;

  constructor(options: StdioLinkOptions) {
    this.#options = options;
    const { run_id, run_gen, session_id } = options.identity;
    this.#identity = { run_id, run_gen, session_id };
    this.#writer = new LineWriter(options.stdin);
    this.#replies = new PendingReplies(this.#writer);
    this.#output = new OutputLog((level, source, message) => this.#log({ level, source, message }));
    this.closed = this.#readAll();
  }

  send<C extends CommandName>(
    command: C,
    payload: CommandPayload<C>,
    id?: string,
  ): Promise<CommandResults[C]> {
    return this.#replies.send(command, payload, id);
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
    const { stdout, stderr, token, onErrorLine, isNotice } = this.#options;
    const fromOutput = new LineSplitter(token, {
      protocol: (json) => this.#receive(json),
      output: (line, truncated) =>
        this.#output.line("info", "stdout", truncated ? line + TRUNCATED : line),
    });
    const fromErrors = new LineSplitter(null, {
      protocol: () => {},
      output: (line, truncated) => {
        if (isNotice?.(line)) return;
        onErrorLine?.(line);
        this.#output.line("warn", "stderr", truncated ? line + TRUNCATED : line);
      },
    });
    try {
      await Promise.all([split(stdout, fromOutput), split(stderr, fromErrors)]);
    } finally {
      this.#output.end();
      this.#replies.end();
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
    else if (isReply(message)) {
      if (!this.#replies.settle(message)) {
        this.#warn(`a reply to ${message.id}, which waits for none`);
      }
    } else this.#warn(`a protocol line is neither event nor reply: ${json.slice(0, 200)}`);
  }

  #receiveEvent(event: TrainerEvent, json: string): void {
    if (event.event_seq !== this.#lastEventSeq + 1) {
      this.#warn(`event ${event.event_seq} came after event ${this.#lastEventSeq}`);
    }
    this.#lastEventSeq = event.event_seq;
    this.#hand({ event, json });
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
}

const TRUNCATED = " … (truncated)";

async function split(stream: ReadableStream<Uint8Array>, splitter: LineSplitter): Promise<void> {
  for await (const chunk of stream) splitter.push(chunk);
  splitter.end();
}
