import {
  type AttachContext,
  type Hello,
  LINE_COMMANDS,
  type LineCommandName,
} from "../protocol/attachment.ts";
import { PROTOCOL_VERSION } from "../protocol/events.ts";
import type { TrainerTransport } from "../protocol/transport.ts";
import type { Backlog } from "./backlog.ts";
import { Connection } from "./connection.ts";

/** What a {@linkcode TcpTransport} needs. */
export interface TcpTransportOptions {
  hostname: string;
  port: number;
  backlog: Backlog;
  /** What the trainer says of itself; asked at each dial. */
  hello: () => Hello;
  /** Told each time a server has taken the run, before events go out. */
  onAttached: (context: AttachContext) => void;
  /** Told when the server is away; the dialling goes on. */
  onDetached: () => void;
  /** Told when the server will not have the run, or events had to be forgotten. */
  onTrouble: (message: string) => void;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 3_000;
/** How long a server may take to answer a hello. */
const ANSWER_MS = 10_000;
/** Characters of events that are written at once. */
const BATCH = 128 * 1024;

/**
 * A trainer's line to a server that may not be there yet, or not any more: dials until it is closed,
 * and sends what the server has not acknowledged. Adding a frame never waits.
 */
export class TcpTransport implements TrainerTransport {
  waiting = 0;
  readonly #options: TcpTransportOptions;
  readonly #replies: string[] = [];
  readonly #lines: string[] = [];
  /** The event that says what the run is, for a server that has never heard of it. */
  #opening: { eventSeq: number; json: string } | null = null;
  #connection: Connection | null = null;
  #sent = 0;
  #attached = false;
  /** A server has been there, so that nothing may be forgotten any more. */
  #met = false;
  #refused = false;
  /** The first dial has come to something, if only to nobody. */
  #dialled = true;
  #closed = false;
  #changed = Promise.withResolvers<void>();
  #dialling: Promise<void> = Promise.resolve();
  #wakeDialler: () => void = () => {};

  constructor(options: TcpTransportOptions) {
    this.#options = options;
  }

  /** Begins to dial. */
  start(): void {
    this.#dialled = false;
    this.#dialling = this.#dialOn();
  }

  get linked(): boolean {
    return this.#attached;
  }

  /** Whether every event has been acknowledged, or nobody is there to ask for it. */
  get settled(): boolean {
    const { backlog } = this.#options;
    if (this.#alone) return true;
    if (!this.#met) return this.#dialled && this.#connection === null;
    return backlog.oldest > backlog.newest;
  }

  /** Nobody will ever take an event any more. */
  get #alone(): boolean {
    return this.#refused || this.#closed;
  }

  frame(json: string, eventSeq?: number): void {
    if (eventSeq === undefined) {
      if (this.#attached) this.#replies.push(json);
    } else {
      if (this.#opening === null && json.includes('"type":"session_started"')) {
        this.#opening = { eventSeq, json };
      }
      this.#options.backlog.add(json);
      if (this.#alone) this.#options.backlog.forget();
    }
    this.waiting += json.length;
  }

  flush(): void {
    this.waiting = 0;
    this.#connection?.wake();
  }

  /** Never null: that a server is away for good is no reason to end the training. */
  async readLine(): Promise<string> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line;
      await this.#changed.promise;
    }
  }

  async room(): Promise<void> {
    const { backlog, onTrouble } = this.#options;
    while (backlog.full && !this.#closed) {
      if (this.#met) {
        await this.#changed.promise;
        continue;
      }
      const { oldest, newest } = backlog;
      backlog.forget();
      onTrouble(`no server yet, and no room: events ${oldest} to ${newest} are forgotten`);
    }
  }

  /** Resolves when it is {@linkcode settled}, or after `limitMs`. */
  async settle(limitMs: number): Promise<void> {
    this.flush();
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, limitMs);
    let waits = true;
    late.promise.then(() => waits = false);
    while (!this.settled && waits) await Promise.race([this.#changed.promise, late.promise]);
    clearTimeout(timer);
  }

  /** Hangs up and dials no more. What was not acknowledged is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#connection?.close();
    this.#wakeDialler();
    this.#signal();
    await this.#dialling;
    this.#options.backlog.close();
  }

  async #dialOn(): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    while (!this.#closed && !this.#refused) {
      const { hostname, port } = this.#options;
      const connection = await Connection.open(hostname, port);
      if (connection !== null && await this.#talk(connection)) pause = FIRST_PAUSE_MS;
      this.#dialled = true;
      this.#signal();
      if (this.#closed || this.#refused) return;
      await this.#wait(pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wakeDialler = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#closed) this.#wakeDialler();
    });
  }

  /** Talks until the line ends; answers whether the server took the run. */
  async #talk(connection: Connection): Promise<boolean> {
    if (this.#closed) connection.close();
    this.#connection = connection;
    const { hello, onDetached } = this.#options;
    const timer = setTimeout(() => this.#attached || connection.close(), ANSWER_MS);
    connection.write(JSON.stringify(hello()) + "\n");
    await connection.run((line) => this.#receive(line), () => this.#next());
    clearTimeout(timer);
    this.#connection = null;
    const took = this.#attached;
    this.#attached = false;
    this.#replies.length = 0;
    if (took) onDetached();
    // An empty line lets whoever waits for an acknowledgement look again.
    this.#lines.push("");
    this.#signal();
    return took;
  }

  /** What is to be written next; replies overtake events. */
  #next(): string | null {
    if (!this.#attached) return null;
    if (this.#replies.length > 0) return this.#replies.splice(0).join("\n") + "\n";
    const batch = this.#options.backlog.after(this.#sent, BATCH);
    if (batch === null) return null;
    this.#sent = batch.last;
    return batch.text;
  }

  #receive(line: string): void {
    const message = parse(line);
    if (message?.cmd === "ack") {
      const { event_seq } = (message.payload ?? {}) as { event_seq?: unknown };
      if (typeof event_seq === "number") this.#options.backlog.acknowledge(event_seq);
    } else if (message?.id === "hello" && message.ok === false) {
      return this.#refuse(`${message.detail}`);
    } else if (typeof message?.cmd === "string" && Object.hasOwn(LINE_COMMANDS, message.cmd)) {
      return this.#answer(`${message.id}`, message.cmd as LineCommandName, message.payload);
    }
    if (this.#attached) this.#lines.push(line);
    this.#signal();
  }

  #answer(id: string, cmd: LineCommandName, payload: unknown): void {
    const parsed = LINE_COMMANDS[cmd].safeParse(payload);
    if (!parsed.success) return this.#reply({ id, ok: false, error: "bad_payload", detail: cmd });
    const { protocol, version, capabilities } = this.#options.hello();
    if (cmd === "attach_context") this.#attach(parsed.data as AttachContext);
    if (cmd === "enforce_version" && Number(parsed.data["protocol"]) > PROTOCOL_VERSION) {
      const detail = `the server asks for protocol ${parsed.data["protocol"]}; this is ${protocol}`;
      this.#reply({ id, ok: false, error: "version_too_old", detail });
      return this.#refuse(detail);
    }
    this.#reply({ id, ok: true, data: { protocol, version, capabilities } });
  }

  #reply(reply: Record<string, unknown>): void {
    this.#connection?.write(JSON.stringify(reply) + "\n");
  }

  #attach(context: AttachContext): void {
    const { backlog, onAttached } = this.#options;
    this.#met = true;
    onAttached(context);
    backlog.acknowledge(context.acknowledged);
    this.#sent = context.acknowledged;
    const opening = this.#opening;
    if (opening !== null && context.acknowledged < opening.eventSeq) {
      if (backlog.oldest > opening.eventSeq) this.#replies.push(opening.json);
    }
    this.#attached = true;
    this.#connection?.wake();
    this.#signal();
  }

  #refuse(detail: string): void {
    this.#refused = true;
    this.#options.backlog.forget();
    this.#options.onTrouble(detail);
    this.#connection?.close();
    this.#signal();
  }

  #signal(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

interface Message {
  id?: unknown;
  cmd?: unknown;
  payload?: unknown;
  ok?: unknown;
  detail?: unknown;
}

function parse(line: string): Message | null {
  try {
    return JSON.parse(line) as Message | null;
  } catch {
    // The channel says what it thinks of such a line.
    return null;
  }
}
