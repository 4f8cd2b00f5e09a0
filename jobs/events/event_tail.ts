import type { EventFilter, LoggedEvent } from "./event_log.ts";

/** Newest committed events kept in memory, and how many characters of JSON at most. */
const EVENTS = 4096;
const CHARACTERS = 8 * 2 ** 20;

/**
 * The end of the log in memory, for the many readers that are up to date: they share these strings
 * and never touch the file.
 */
export class EventTail {
  #events: LoggedEvent[] = [];
  #characters = 0;

  /** @param after Every durable event after this number is in the tail. */
  constructor(public after: number) {}

  push(events: readonly LoggedEvent[]): void {
    for (const event of events) {
      this.#events.push(event);
      this.#characters += event.data.length;
    }
    // Trimmed at twice the size, so that the copy is paid once in many pushes.
    if (this.#events.length > 2 * EVENTS || this.#characters > 2 * CHARACTERS) this.#trim();
  }

  read(filter: EventFilter, after: number, limit: number): LoggedEvent[] {
    const found: LoggedEvent[] = [];
    for (let at = this.#indexAfter(after); at < this.#events.length; at++) {
      if (found.length === limit) break;
      const event = this.#events[at]!;
      if (filter.job !== undefined && event.job !== filter.job) continue;
      if (filter.session !== undefined && event.session !== filter.session) continue;
      if (filter.types && !filter.types.includes(event.type)) continue;
      found.push(event);
    }
    return found;
  }

  forget(job: string): void {
    this.#events = this.#events.filter((event) => event.job !== job);
  }

  #trim(): void {
    let cut = this.#events.length;
    let characters = 0;
    while (cut > Math.max(0, this.#events.length - EVENTS)) {
      const next = characters + this.#events[cut - 1]!.data.length;
      if (next > CHARACTERS) break;
      characters = next;
      cut--;
    }
    if (cut > 0) this.after = this.#events[cut - 1]!.seq;
    this.#events = this.#events.slice(cut);
    this.#characters = characters;
  }

  #indexAfter(seq: number): number {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#events[middle]!.seq > seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
