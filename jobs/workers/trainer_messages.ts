import type {
  CommandName,
  CommandPayload,
  CommandResults,
} from "../../runtime/protocol/commands.ts";
import { clipText } from "../../runtime/protocol/clip_text.ts";
import { TRAINER_EVENT_TYPES, type TrainerEvent } from "../../runtime/protocol/events.ts";
import { CommandFailedError } from "../errors.ts";
import type { LineWriter } from "./line_writer.ts";

/** Characters of a refusal that are kept: it goes into a receipt, and KV's values are small. */
const REFUSAL_TEXT = 4_000;

/** A reply as it arrived. */
export interface ReceivedReply {
  id: string;
  ok: boolean;
  data?: unknown;
  error?: unknown;
  detail?: unknown;
}

interface WaitingReply {
  command: CommandName;
  resolve: (data: never) => void;
  reject: (error: CommandFailedError) => void;
}

/** Commands that were sent on one line, each until its reply. */
export class PendingReplies {
  readonly #writer: LineWriter;
  readonly #waiting = new Map<string, WaitingReply>();
  #commands = 0;
  #gone = false;

  constructor(writer: LineWriter) {
    this.#writer = writer;
  }

  /** @throws {CommandFailedError} when the trainer refuses it, or is gone before it replies. */
  send<C extends CommandName>(
    command: C,
    payload: CommandPayload<C>,
    id: string = `c${++this.#commands}`,
  ): Promise<CommandResults[C]> {
    if (this.#gone) return Promise.reject(workerGone(command));
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { command, resolve, reject });
      this.#writer.write(JSON.stringify({ id, cmd: command, payload }));
    });
  }

  /** Hands a reply to who waits for it; false when nobody does. */
  settle(reply: ReceivedReply): boolean {
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return false;
    this.#waiting.delete(reply.id);
    if (reply.ok) waiting.resolve(reply.data as never);
    else {
      const detail = clipText(`${reply.detail}`, REFUSAL_TEXT);
      waiting.reject(new CommandFailedError(`${reply.error}`, detail));
    }
    return true;
  }

  /** The trainer is gone: nobody gets a reply any more. */
  end(): void {
    this.#gone = true;
    for (const waiting of this.#waiting.values()) waiting.reject(workerGone(waiting.command));
    this.#waiting.clear();
  }
}

/** Whether a parsed line is a reply. */
export function isReply(message: unknown): message is ReceivedReply {
  const reply = message as Partial<ReceivedReply> | null;
  return typeof reply?.id === "string" && typeof reply.ok === "boolean";
}

/** Whether a parsed line is an event of the trainer's. */
export function isEvent(message: unknown): message is TrainerEvent {
  const event = message as { type?: unknown; event_seq?: unknown; ts?: unknown; step?: unknown };
  return typeof event?.type === "string" && Object.hasOwn(TRAINER_EVENT_TYPES, event.type) &&
    isCount(event.event_seq) && typeof event.ts === "number" &&
    (event.step === undefined || isCount(event.step));
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function workerGone(command: CommandName): CommandFailedError {
  return new CommandFailedError("worker_gone", `the worker ended before it answered ${command}`);
}
