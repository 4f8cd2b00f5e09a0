import type { EventLog } from "../events/event_log.ts";

const PAGE = 10_000;

/** Which events of one trainer the log has, so that each is taken once in whatever order they come. */
export class SeenEvents {
  /** Every event up to here is there. */
  #complete = 0;
  readonly #beyond = new Set<number>();

  /** Reads back what the log has of an attempt. Events below `oldest` can no longer come. */
  static of(log: EventLog, job: string, attempt: number, oldest: number): SeenEvents {
    const seen = new SeenEvents();
    for (let after = 0;;) {
      const events = log.read({ job }, after, PAGE);
      for (const { data } of events) {
        const { run_gen, event_seq } = JSON.parse(data) as { run_gen?: number; event_seq?: number };
        if (run_gen === attempt && typeof event_seq === "number") seen.add(event_seq);
      }
      if (events.length < PAGE) break;
      after = events.at(-1)!.seq;
    }
    seen.#startAt(oldest);
    return seen;
  }

  /** Number up to which all events are there. */
  get complete(): number {
    return this.#complete;
  }

  /** Takes note of an event; false when it was there already, or has no number of its own. */
  add(eventSeq: number): boolean {
    if (eventSeq <= this.#complete || this.#beyond.has(eventSeq)) return false;
    this.#beyond.add(eventSeq);
    while (this.#beyond.delete(this.#complete + 1)) this.#complete++;
    return true;
  }

  #startAt(oldest: number): void {
    if (oldest - 1 <= this.#complete) return;
    this.#complete = oldest - 1;
    for (const seq of this.#beyond) if (seq <= this.#complete) this.#beyond.delete(seq);
    while (this.#beyond.delete(this.#complete + 1)) this.#complete++;
  }
}
