import type {
  CommandName,
  CommandPayload,
  CommandResults,
} from "../../runtime/protocol/commands.ts";
import type { LineWriter } from "../workers/line_writer.ts";
import type { ReceivedEvent, TrainerIdentity, TrainerLink } from "../workers/trainer_link.ts";
import { isEvent, isReply, PendingReplies } from "../workers/trainer_messages.ts";
import { EVENT_CHECKS } from "./event_checks.ts";
import type { OriginalTrainer } from "./original_trainer.ts";
import { RefusedError } from "./refused_error.ts";
import type { SeenEvents } from "./seen_events.ts";

/** What an {@linkcode AttachedLink} is made of. */
export interface AttachedLinkParts {
  identity: TrainerIdentity;
  seen: SeenEvents;
  writer: LineWriter;
  /** Ends the socket at once. */
  hangUp: () => void;
  /** For a trainer that knows neither hello nor acknowledgements. */
  original: OriginalTrainer | null;
}

/** The line to a script's trainer, from its hello until either side hangs up. */
export class AttachedLink implements TrainerLink {
  readonly closed: Promise<void>;
  readonly hangUp: () => void;
  readonly #identity: TrainerIdentity;
  readonly #seen: SeenEvents;
  readonly #writer: LineWriter;
  readonly #replies: PendingReplies;
  readonly #original: OriginalTrainer | null;
  readonly #closing = Promise.withResolvers<void>();
  #handler: (received: ReceivedEvent) => void = () => {};

  constructor({ identity, seen, writer, hangUp, original }: AttachedLinkParts) {
    this.#identity = identity;
    this.#seen = seen;
    this.#writer = writer;
    this.#replies = new PendingReplies(writer);
    this.hangUp = hangUp;
    this.#original = original;
    this.closed = this.#closing.promise;
  }

  send<C extends CommandName>(
    command: C,
    payload: CommandPayload<C>,
    id?: string,
  ): Promise<CommandResults[C]> {
    return this.#replies.send(command, payload, id);
  }

  acknowledge(eventSeq: number): void {
    if (this.#original !== null) return;
    const { run_id, run_gen } = this.#identity;
    this.#writer.writeLatest(
      JSON.stringify({ cmd: "ack", payload: { run_id, run_gen, event_seq: eventSeq } }),
    );
  }

  onEvent(handler: (received: ReceivedEvent) => void): void {
    this.#handler = handler;
  }

  /** Takes the next line. @throws {RefusedError} when it is none that a trainer writes. */
  receive(line: string): void {
    const json = this.#original === null ? line : this.#original.translate(line);
    if (json === null) return;
    let message: unknown;
    try {
      message = JSON.parse(json);
    } catch {
      throw new RefusedError("bad_line", `a line is no JSON: ${json.slice(0, 100)}`);
    }
    if (isReply(message)) return void this.#replies.settle(message);
    if (!isEvent(message)) {
      throw new RefusedError(
        "bad_line",
        `a line is neither event nor reply: ${json.slice(0, 100)}`,
      );
    }
    const { run_id, run_gen, session_id } = this.#identity;
    if (message.run_id !== run_id || message.run_gen !== run_gen) {
      throw new RefusedError(
        "bad_line",
        `an event of run ${message.run_id} in session ${session_id}`,
      );
    }
    const checked = EVENT_CHECKS[message.type].safeParse(message);
    if (!checked.success) {
      const { path, message: wrong } = checked.error.issues[0]!;
      throw new RefusedError("bad_line", `${message.type}.${path.join(".")}: ${wrong}`);
    }
    if (!this.#seen.add(message.event_seq)) return;
    this.#handler({ event: message, json, complete: this.#seen.complete });
  }

  /** The socket is gone. */
  end(): void {
    this.#replies.end();
    this.#closing.resolve();
  }
}
