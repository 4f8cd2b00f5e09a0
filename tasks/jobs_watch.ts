import { z } from "zod";
import { ENDED, JobState } from "../jobs/job.ts";
import type { Client, Job } from "./client.ts";
import type { StreamEvent } from "./event_stream.ts";
import type { ProgressDisplay } from "./progress_display.ts";
import { ProgressTracker, type TrainingProgress } from "./training_progress.ts";

/** Someone waits until a job's figures fulfil a condition. */
interface Waiter {
  job: string;
  holds: (progress: TrainingProgress) => boolean;
  done: () => void;
}

/** A `resync` belongs to no job. */
const Addressed = z.looseObject({ job: z.string().optional() });

/** What a watch is made of. */
export interface JobsWatchParts {
  client: Client;
  display: ProgressDisplay;
  /** Which stream: `/jobs/{id}/events` or `/sessions/{id}/events`. */
  path: string;
  /** Goes on after this event; without it, the stream decides. */
  after?: string | undefined;
  /** Ends the watch; whoever waits gets an error. */
  signal?: AbortSignal | undefined;
  /** Told of every event, before the bars are drawn. */
  onEvent?: ((event: StreamEvent) => void) | undefined;
}

/** Follows jobs over one stream, keeps their bars drawn, and says when something is reached. */
export class JobsWatch {
  readonly #display: ProgressDisplay;
  readonly #trackers = new Map<string, ProgressTracker>();
  /** Events of jobs that were not added yet: a child's first ones may come before its answer. */
  readonly #early = new Map<string, StreamEvent[]>();
  #waiters: Waiter[] = [];
  readonly #leaving = new AbortController();
  readonly #over: Promise<void>;

  constructor(parts: JobsWatchParts) {
    this.#display = parts.display;
    const signals = [this.#leaving.signal, ...parts.signal === undefined ? [] : [parts.signal]];
    const events = parts.client.events(parts.path, {
      signal: AbortSignal.any(signals),
      after: parts.after,
      onLine: (state) => parts.display.line(LINE_NOTES[state]),
    });
    this.#over = this.#follow(events, parts.onEvent ?? (() => {}));
    // Whoever waits learns of it; unhandled it would end the process before that.
    this.#over.catch(() => {});
  }

  /** Draws a bar for this job from now on. */
  add(job: Job): void {
    const tracker = new ProgressTracker(job);
    this.#trackers.set(job.id, tracker);
    for (const event of this.#early.get(job.id) ?? []) tracker.apply(event);
    this.#early.delete(job.id);
    this.#draw();
  }

  /** The figures of a job that was added. */
  progress(job: string): TrainingProgress {
    const tracker = this.#trackers.get(job);
    if (tracker === undefined) throw new Error(`job ${job} is not watched`);
    return tracker.progress;
  }

  /**
   * Resolves when the condition holds for the job.
   * @throws {Error} when the watch ends before.
   */
  async until(job: string, holds: Waiter["holds"]): Promise<void> {
    if (holds(this.progress(job))) return;
    const reached = new Promise<void>((done) => this.#waiters.push({ job, holds, done }));
    const over = this.#over.then(() => Promise.reject(new Error("the watch has ended")));
    await Promise.race([reached, over]);
  }

  /** Resolves when nothing of the job runs any more; false when it failed. */
  async ended(job: string): Promise<boolean> {
    await this.until(job, ({ state }) => isEnded(state));
    return this.progress(job).state !== "failed";
  }

  /** Stops following; the bars stay where they are. */
  async close(): Promise<void> {
    this.#leaving.abort();
    this.#display.end();
    // What ended the stream has been thrown at whoever waited.
    await this.#over.catch(() => {});
  }

  async #follow(
    events: AsyncIterable<StreamEvent>,
    onEvent: (event: StreamEvent) => void,
  ): Promise<void> {
    for await (const event of events) {
      onEvent(event);
      const { job } = Addressed.parse(JSON.parse(event.data));
      if (job === undefined) continue;
      const tracker = this.#trackers.get(job);
      if (tracker === undefined) {
        this.#early.set(job, [...this.#early.get(job) ?? [], event]);
        continue;
      }
      tracker.apply(event);
      this.#draw();
      this.#waiters = this.#waiters.filter((waiter) => {
        const met = waiter.job === job && waiter.holds(tracker.progress);
        if (met) waiter.done();
        return !met;
      });
    }
  }

  #draw(): void {
    this.#display.update(() => [...this.#trackers.values()].map((tracker) => tracker.progress));
  }
}

const LINE_NOTES = {
  lost: "The line to the server is cut; the job goes on. Trying again…",
  back: "The line is back; nothing was missed.",
} as const;

function isEnded(state: string): boolean {
  const parsed = JobState.safeParse(state);
  return parsed.success && ENDED.has(parsed.data);
}
