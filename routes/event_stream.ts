import type { EventFilter, EventLog } from "../jobs/events/event_log.ts";
import type { EventCursor } from "./event_cursor.ts";
import { type FrameReader, type Frames, readPage } from "./event_frames.ts";
import { sampleFrames } from "./event_samples.ts";

/** What one subscriber gets. */
export interface Subscription {
  filter: EventFilter;
  cursor: EventCursor;
  /** False ends the stream behind what the log has now. */
  follow: boolean;
  /** One trainStep frame a job in so many ms; null for every event as it is. */
  sampleMs: number | null;
  heartbeatMs: number;
  /** Ends the stream: the server closes. A client that leaves cancels it. */
  closing: AbortSignal;
}

const encoder = new TextEncoder();
const HEARTBEAT = encoder.encode(": heartbeat\n\n");

/**
 * The log as server-sent events. The stream reads the log only when its reader has taken what was
 * read before, so a reader that stalls costs one page and its cursor.
 */
export function eventStream(
  log: EventLog,
  reader: FrameReader,
  subscription: Subscription,
): ReadableStream<Uint8Array> {
  const { follow, heartbeatMs } = subscription;
  const ended = new AbortController();
  const { signal } = ended;
  const last = log.lastSeq;
  const pages = new PageSource(log, reader, subscription, signal);
  let heartbeat: ReturnType<typeof setInterval> | undefined;
  let cancelled = false;
  const end = () => {
    ended.abort();
    clearInterval(heartbeat);
    subscription.closing.removeEventListener("abort", end);
  };
  subscription.closing.addEventListener("abort", end);
  if (subscription.closing.aborted) end();
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(preamble(log.id, subscription.cursor)));
      heartbeat = setInterval(() => {
        // Whoever does not read what is there needs no sign of life either.
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(HEARTBEAT);
      }, heartbeatMs);
    },
    async pull(controller) {
      try {
        while (!signal.aborted && (follow || pages.after < last)) {
          const frames = await pages.next();
          if (signal.aborted) break;
          if (frames.bytes !== null) return controller.enqueue(frames.bytes);
          if (follow) await log.changed(pages.after, signal);
        }
      } catch (error) {
        end();
        throw error;
      }
      end();
      if (!cancelled) controller.close();
    },
    cancel() {
      cancelled = true;
      end();
    },
  }, { highWaterMark: 1 });
}

/**
 * The first bytes: how soon to come back, where the stream stands (an id without data moves only the
 * client's last id), and whether that is elsewhere than asked.
 */
function preamble(logId: string, { after, resync }: EventCursor): string {
  const start = `retry: 1000\nid: ${logId}-${after}\n\n`;
  if (resync === null) return start;
  return `${start}id: ${logId}-${after}\nevent: resync\ndata: ${JSON.stringify(resync)}\n\n`;
}

/** The pages of one subscriber, one after another. */
class PageSource {
  after: number;
  #more = false;
  #nextAt = 0;

  constructor(
    private readonly log: EventLog,
    private readonly reader: FrameReader,
    private readonly subscription: Subscription,
    private readonly signal: AbortSignal,
  ) {
    this.after = subscription.cursor.after;
  }

  async next(): Promise<Frames> {
    const { filter, sampleMs } = this.subscription;
    if (sampleMs !== null) await this.#pace(sampleMs);
    const frames = sampleMs === null
      ? this.reader.read(filter, this.after)
      : sampleFrames(this.log.id, readPage(this.log, filter, this.after));
    this.after = frames.after;
    this.#more = frames.more;
    return frames;
  }

  /** A full page means history, which is not held back. */
  async #pace(sampleMs: number): Promise<void> {
    const wait = this.#more ? 0 : this.#nextAt - performance.now();
    if (wait > 0) await sleep(wait, this.signal);
    this.#nextAt = performance.now() + sampleMs;
  }
}

/** Resolves after `ms`, or when the signal aborts. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    signal.addEventListener("abort", wake);
  });
}
