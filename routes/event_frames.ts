import type { EventFilter, EventLog, LoggedEvent } from "../jobs/events/event_log.ts";

/** Events as bytes of a stream, and the cursor behind them. */
export interface Frames {
  bytes: Uint8Array | null;
  after: number;
  /** Whether the log has more than one page of them. */
  more: boolean;
}

/** Events that one read takes from the log. */
export const PAGE = 512;

/** Pages that are kept for the next reader that stands at the same place. */
const KEPT_PAGES = 32;

const encoder = new TextEncoder();

/** One event as SSE. */
export function eventFrame(logId: string, event: LoggedEvent): string {
  return `id: ${logId}-${event.seq}\nevent: ${event.type}\ndata: ${event.data}\n\n`;
}

/**
 * Reads pages of frames. Subscribers that follow live stand at the same cursor, so a page is read
 * and encoded once for all of them.
 */
export class FrameReader {
  #pages = new Map<string, Frames>();

  constructor(private readonly log: EventLog) {}

  read(filter: EventFilter, after: number): Frames {
    const key = `${filter.job}|${filter.session}|${filter.types}|${after}`;
    const kept = this.#pages.get(key);
    if (kept !== undefined) return kept;
    const { events, ...page } = readPage(this.log, filter, after);
    if (events.length === 0) return { ...page, bytes: null };
    let text = "";
    for (const event of events) text += eventFrame(this.log.id, event);
    const frames = { ...page, bytes: encoder.encode(text) };
    this.#pages.set(key, frames);
    if (this.#pages.size > KEPT_PAGES) this.#pages.delete(this.#pages.keys().next().value!);
    return frames;
  }
}

/** One page of events, and the cursor behind it: where nothing is left, the end of the log. */
export function readPage(
  log: EventLog,
  filter: EventFilter,
  after: number,
): { events: LoggedEvent[]; after: number; more: boolean } {
  const end = log.lastSeq;
  const events = log.read(filter, after, PAGE);
  const last = events.at(-1)?.seq ?? after;
  const more = events.length === PAGE;
  return { events, after: more ? last : Math.max(last, end), more };
}
