import type { TrainerChannel } from "../protocol/channel.ts";
import type { TrainerEvents, TrainerEventType } from "../protocol/events.ts";

/** Sees an event before it leaves. */
export type EventTap = <T extends TrainerEventType>(type: T, fields: TrainerEvents[T]) => void;

/** A channel whose events are seen on the way; without one to a server, only that. */
export function tappedChannel(inner: TrainerChannel | null, tap: EventTap): TrainerChannel {
  let eventSeq = 0;
  return {
    emit: (type, fields) => {
      tap(type, fields);
      return inner === null ? ++eventSeq : inner.emit(type, fields);
    },
    reply: (id, data) => inner?.reply(id, data),
    fail: (id, error, detail) => inner?.fail(id, error, detail),
    poll: () => inner?.poll() ?? null,
    waitForCommand: () => inner?.waitForCommand() ?? Promise.resolve(),
    get ended() {
      return inner?.ended ?? false;
    },
    get looks() {
      return inner?.looks ?? true;
    },
    get pending() {
      return inner?.pending ?? false;
    },
    durable: (seq) => inner?.durable(seq) ?? Promise.resolve(),
    flush: () => inner?.flush(),
    room: () => inner?.room() ?? Promise.resolve(),
  };
}
