import type { CommandName, CommandPayload, CommandResults } from "../runtime/protocol/commands.ts";
import type { TrainerEvent } from "../runtime/protocol/events.ts";

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
