import type { LoggedEvent } from "./event_log.ts";
import { StepTable } from "./step_table.ts";

/** Event types that bring figures, or open a take. */
export const SERIES_TYPES = [
  "trainStep",
  "validation",
  "test_complete",
  "auto_test_complete",
  "session_started",
  "checkpoint_loaded",
  "session_reset",
  "replay_diverged",
] as const;

/** Metrics of a split that become series at most. */
const MOST_METRICS = 100;

/** Numbers of a trainStep that say where it stands, not how it went. */
const POSITIONS = new Set([
  "step",
  "axis_step",
  "epoch",
  "ts",
  "take",
  "run_gen",
  "event_seq",
]);

/**
 * One job's figures, newest take of each step, as far as the log was read. When a newer take opens
 * at step k, what older takes have beyond k is dropped.
 */
export class JobSeries {
  /** Number of the log up to which every event is in here. */
  seq = 0;
  axisOffset = 0;
  readonly train = new StepTable();
  readonly validation = new StepTable();
  readonly test = new StepTable();
  #take = 0;

  get bytes(): number {
    return this.train.bytes + this.validation.bytes + this.test.bytes;
  }

  /** Takes in the job's next event of {@linkcode SERIES_TYPES}. */
  add(event: LoggedEvent): void {
    if (event.take < this.#take) return;
    const data = JSON.parse(event.data) as Record<string, unknown>;
    const step = numberOf(data.step) ?? event.step;
    if (event.take > this.#take) this.#openTake(event, step);
    const row = { step, ts: numberOf(data.ts) ?? 0, epoch: numberOf(data.epoch) ?? 0 };
    this.axisOffset = (numberOf(data.axis_step) ?? step + this.axisOffset) - step;
    switch (event.type) {
      case "trainStep":
        return this.train.append(row, trainFigures(data));
      case "validation":
        return this.validation.append(row, {
          val_loss: numberOf(data.val_loss),
          val_accuracy: numberOf(data.val_accuracy),
          ...figuresOf("val", data.metrics),
          ...sliceFigures(data.val_slice),
        });
      case "test_complete":
      case "auto_test_complete":
        if (data.split !== "test") return;
        return this.test.append(row, {
          test_loss: numberOf(data.loss),
          test_accuracy: numberOf(data.accuracy),
          ...figuresOf("test", data.metrics),
        });
      default:
    }
  }

  /** The table that has a series, or null. Validations outrank what a trainStep says of them. */
  tableOf(series: string): StepTable | null {
    return [this.validation, this.test, this.train].find((table) => table.has(series)) ?? null;
  }

  available(): string[] {
    const names = [this.train, this.validation, this.test].flatMap((table) =>
      [...table.columns.keys()].filter((name) => table.has(name))
    );
    return [...new Set(names)];
  }

  #openTake({ take, type }: LoggedEvent, step: number): void {
    this.#take = take;
    const first = type === "trainStep" || type === "replay_diverged" ? step : step + 1;
    for (const table of [this.train, this.validation, this.test]) table.cut(first);
  }
}

function trainFigures(data: Record<string, unknown>): Record<string, number | null> {
  const figures: Record<string, number | null> = {};
  for (const name in data) {
    const value = data[name];
    if (value !== null && typeof value !== "number" || POSITIONS.has(name)) continue;
    figures[name] = value;
  }
  return figures;
}

/** The module's metrics of a split, `val_f1`; a matrix has more of them than anybody draws. */
function figuresOf(split: "val" | "test", metrics: unknown): Record<string, number | null> {
  if (typeof metrics !== "object" || metrics === null) return {};
  return Object.fromEntries(
    Object.entries(metrics).slice(0, MOST_METRICS)
      .map(([name, value]) => [`${split}_${name}`, numberOf(value)]),
  );
}

/** A fork's figures on its own slice of val. */
function sliceFigures(slice: unknown): Record<string, number | null> {
  if (typeof slice !== "object" || slice === null) return {};
  const { loss, accuracy } = slice as Record<string, unknown>;
  return { val_slice_loss: numberOf(loss), val_slice_accuracy: numberOf(accuracy) };
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
