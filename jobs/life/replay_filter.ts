import type { TrainerEvent, TrainerEventType } from "../../runtime/protocol/events.ts";
import type { EventLog } from "../events/event_log.ts";

/** What becomes of an event that may be a repetition of what the log has. */
export type Verdict =
  | { kind: "log" }
  | { kind: "drop" }
  | { kind: "diverged"; field: string; logged: number | null; replayed: number | null };

/** What a worker that starts from a checkpoint does again, until the log has no more. */
export interface ReplayRange {
  /** The last step that the log has; 0 when there is nothing to repeat. */
  untilStep: number;
  /** Takes that the repeated steps lie in. */
  fromTake: number;
  toTake: number;
}

/** What must come out bit-identical; timings and device figures never do. */
const COMPARED = ["loss", "lr", "accuracy"] as const;

/** These happen to an attempt, not to a step: they are never a repetition. */
const OF_THE_ATTEMPT: ReadonlySet<TrainerEventType> = new Set([
  "session_started",
  "checkpoint_saved",
  "checkpoint_loaded",
  "session_reset",
  "artifact_created",
  "test_complete",
  "trainingFinished",
]);

const LOG: Verdict = { kind: "log" };
const DROP: Verdict = { kind: "drop" };

/**
 * Tells what a recovering worker does again from what it does anew, so that subscribers see every
 * step once. A step that the log has must come out the same; the first that does not ends the
 * comparison, and what follows belongs to a new take.
 */
export class ReplayFilter {
  readonly #log: EventLog;
  readonly #job: string;
  readonly #range: ReplayRange;
  #active: boolean;
  #step = 0;

  constructor(log: EventLog, job: string, range: ReplayRange) {
    this.#log = log;
    this.#job = job;
    this.#range = range;
    this.#active = range.untilStep > 0;
  }

  /** Whether what comes may still be a repetition. */
  get active(): boolean {
    return this.#active;
  }

  /** What to do with the next event. */
  judge(event: TrainerEvent): Verdict {
    if (!this.#active) return LOG;
    // A command of now is carried out only when there is nothing left to repeat.
    if (event.type === "command_applied") return this.#end();
    if (OF_THE_ATTEMPT.has(event.type) || (event.type === "error" && event.fatal)) return LOG;
    if ("step" in event) this.#step = event.step;
    const { untilStep } = this.#range;
    if (this.#step > untilStep) return this.#end();
    if (event.type === "trainStep") return this.#compare(event);
    if (this.#step < untilStep) return DROP;
    return this.#logged((take) => this.#log.has(this.#job, take, this.#step, event.type) || null)
      ? DROP
      : LOG;
  }

  #compare(event: TrainerEvent<"trainStep">): Verdict {
    const logged = this.#logged((take) => this.#log.trainStep(this.#job, take, event.step));
    if (logged === null) return LOG;
    const fields = JSON.parse(logged.data) as TrainerEvent<"trainStep">;
    for (const field of COMPARED) {
      if (Object.is(fields[field], event[field])) continue;
      this.#end();
      return { kind: "diverged", field, logged: fields[field], replayed: event[field] };
    }
    return DROP;
  }

  /** The newest take's answer. */
  #logged<T>(ask: (take: number) => T | null): T | null {
    for (let take = this.#range.toTake; take >= this.#range.fromTake; take--) {
      const answer = ask(take);
      if (answer !== null) return answer;
    }
    return null;
  }

  #end(): Verdict {
    this.#active = false;
    return LOG;
  }
}
