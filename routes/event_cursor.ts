import type { EventLog } from "../jobs/events/event_log.ts";

/** Where a stream begins, and what it must say first when that is not where it was asked to. */
export interface EventCursor {
  after: number;
  resync: { reason: string; oldest: number; newest: number } | null;
}

/**
 * Where a subscriber's last event id leads.
 *
 * @param given `<log id>-<seq>` or a bare number; undefined begins at `otherwise`.
 */
export function eventCursor(
  log: Pick<EventLog, "id" | "lastSeq" | "oldestSeq">,
  given: string | undefined,
  otherwise: number,
): EventCursor {
  if (given === undefined) return { after: otherwise, resync: null };
  const [, id, digits] = /^(?:([0-9a-f]{1,32})-)?(\d{1,15})$/.exec(given) ?? [];
  const seq = Number(digits);
  const reason = digits === undefined
    ? "the id cannot be read"
    : id !== undefined && id !== log.id
    ? "the id is of another log"
    : seq > log.lastSeq
    ? "the id is ahead of the log"
    // 0 asks for all there is; any other number has read events that are gone, and may miss some.
    : seq !== 0 && seq < log.oldestSeq - 1
    ? "events after the id are gone"
    : null;
  if (reason === null) return { after: seq, resync: null };
  const oldest = log.oldestSeq;
  return { after: Math.max(0, oldest - 1), resync: { reason, oldest, newest: log.lastSeq } };
}
