import { z } from "zod";
import type { Job } from "./client.ts";
import type { StreamEvent } from "./event_stream.ts";

/** How far a job is, as a progress bar shows it. */
export interface TrainingProgress {
  runName: string;
  state: string;
  /** Own optimizer steps done, and to do; null while the job has not told. */
  step: number;
  steps: number | null;
  /** Epoch that is trained, from 1, and how many there are. */
  epoch: number;
  epochs: number | null;
  loss: number | null;
  /** In [0, 1]. */
  accuracy: number | null;
  stepsPerSecond: number | null;
  secondsLeft: number | null;
}

const count = z.number().int().min(0);
const StartedData = z.looseObject({
  config: z.record(z.string(), z.unknown()),
  steps_per_epoch: count,
});
const StepData = z.looseObject({
  step: count,
  epoch: count,
  ts: z.number(),
  loss: z.number().nullable(),
  accuracy: z.number().nullable(),
});
const PositionData = z.looseObject({ step: count, epoch: count });
const StateData = z.looseObject({ to: z.string() });

/** Span over which the speed is measured and the grain of it, in ms of the trainer's clock. */
const SPEED_SPAN_MS = 2_000;
const SPEED_GRAIN_MS = 50;

/** When a step was taken. */
interface StepTime {
  step: number;
  ms: number;
}

/** Follows the events of one job and keeps the figures of its progress bar. */
export class ProgressTracker {
  readonly #progress: TrainingProgress;
  /** Steps within the span, oldest first, and the newest of all. */
  #times: StepTime[] = [];
  #newest: StepTime | null = null;

  constructor(job: Job) {
    const { loss, accuracy } = job.metrics.last;
    this.#progress = {
      runName: job.run_name,
      state: job.state,
      step: job.step,
      steps: null,
      epoch: job.epoch + 1,
      epochs: null,
      loss,
      accuracy,
      stepsPerSecond: null,
      secondsLeft: null,
    };
    if (job.steps_per_epoch !== null) this.#setBudget(job.config, job.steps_per_epoch);
  }

  /** The figures now. */
  get progress(): TrainingProgress {
    const progress = { ...this.#progress };
    if (progress.epochs !== null) progress.epoch = Math.min(progress.epoch, progress.epochs);
    if (progress.state !== "running") return progress;
    progress.stepsPerSecond = this.#speed();
    if (progress.steps !== null && progress.stepsPerSecond !== null) {
      progress.secondsLeft = Math.max(0, progress.steps - progress.step) / progress.stepsPerSecond;
    }
    return progress;
  }

  /** Takes in an event of this job. */
  apply(event: StreamEvent): void {
    switch (event.type) {
      case "trainStep":
        return this.#stepDone(StepData.parse(JSON.parse(event.data)));
      case "session_started": {
        const { config, steps_per_epoch } = StartedData.parse(JSON.parse(event.data));
        return this.#setBudget(config, steps_per_epoch);
      }
      case "state_changed":
        this.#progress.state = StateData.parse(JSON.parse(event.data)).to;
        return;
      case "checkpoint_loaded":
      case "session_reset":
      case "trainingFinished": {
        const { step, epoch } = PositionData.parse(JSON.parse(event.data));
        this.#moveTo(step, epoch);
        return;
      }
    }
  }

  #stepDone(data: z.infer<typeof StepData>): void {
    this.#moveTo(data.step, data.epoch);
    this.#progress.loss = data.loss;
    this.#progress.accuracy = data.accuracy;
    const now = { step: data.step, ms: data.ts };
    this.#newest = now;
    if (now.ms - (this.#times.at(-1)?.ms ?? -Infinity) < SPEED_GRAIN_MS) return;
    this.#times = [...this.#times.filter((time) => now.ms - time.ms <= SPEED_SPAN_MS), now];
  }

  #moveTo(step: number, epoch: number): void {
    if (step < this.#progress.step) this.#times = [];
    this.#progress.step = step;
    this.#progress.epoch = epoch + 1;
  }

  #setBudget(config: Record<string, unknown>, stepsPerEpoch: number): void {
    const epochs = count.nullish().parse(config["max_epochs"]) ?? null;
    const steps = count.nullish().parse(config["max_steps"]) ?? null;
    this.#progress.epochs = epochs;
    const budgets = [steps ?? Infinity, epochs === null ? Infinity : epochs * stepsPerEpoch];
    const least = Math.min(...budgets);
    this.#progress.steps = Number.isFinite(least) ? least : null;
  }

  #speed(): number | null {
    const first = this.#times[0];
    const last = this.#newest;
    if (first === undefined || last === null || last.ms <= first.ms) return null;
    return (last.step - first.step) * 1_000 / (last.ms - first.ms);
  }
}
