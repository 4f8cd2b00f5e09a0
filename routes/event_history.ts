import type { EventFilter, EventLog, LoggedEvent } from "../jobs/events/event_log.ts";

/** Numbers that the first look back covers; each further look covers four times as many. */
const FIRST_WINDOW = 2_000;

/** The newest `count` events that pass the filter, oldest first. Looks back only as far as it must. */
export function newestEvents(
  log: Pick<EventLog, "lastSeq" | "read">,
  filter: EventFilter,
  count: number,
): LoggedEvent[] {
  const end = log.lastSeq;
  for (let window = FIRST_WINDOW;; window *= 4) {
    const after = Math.max(0, end - window);
    const found: LoggedEvent[] = [];
    for (let cursor = after;;) {
      const page = log.read(filter, cursor, 1_000);
      found.push(...page);
      if (page.length < 1_000) break;
      cursor = page.at(-1)!.seq;
    }
    if (found.length >= count || after === 0) return found.slice(-count);
  }
}
