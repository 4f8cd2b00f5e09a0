import type * as tf from "@tensorflow/tfjs";
import type { TensorOrRecord } from "../job_definition.ts";
import type { Direction } from "./direction.ts";

/** One batch as a metric sees it. The tensors are only there during the call. */
export interface MetricBatch {
  yTrue: TensorOrRecord;
  /** Shape [batch, ...]. */
  yPred: tf.Tensor;
}

/**
 * A figure over a whole split, accumulated batch by batch and never averaged over batches. The state
 * is plain data: a tensor in it would be gone at the next batch.
 */
export interface Metric<State = unknown> {
  init(): State;
  update(state: State, batch: MetricBatch): State;
  /** One number, or several by name. */
  compute(state: State): number | Record<string, number>;
  /** Whether less or more is better; null: neither. By the name where nothing is said. */
  readonly direction?: Direction | null;
}

/** Metrics by the names under which their figures appear. */
export type Metrics = Readonly<Record<string, Metric>>;

/** A metric of the module's own that threw. */
export class MetricError extends Error {
  override name = "MetricError";
  constructor(readonly metric: string, override readonly cause: unknown) {
    super(`metric ${metric}: ${cause instanceof Error ? cause.message : cause}`);
  }
}

/** Accumulates every metric over one split. */
export class MetricAccumulator {
  readonly #states: { name: string; metric: Metric; state: unknown }[];

  constructor(metrics: Metrics) {
    this.#states = Object.entries(metrics).map(([name, metric]) => ({
      name,
      metric,
      state: guarded(name, () => metric.init()),
    }));
  }

  /** @throws {MetricError} */
  update(batch: MetricBatch): void {
    for (const entry of this.#states) {
      entry.state = guarded(entry.name, () => entry.metric.update(entry.state, batch));
    }
  }

  /** Figures by name, `name/part` where a metric has several. @throws {MetricError} */
  compute(): Record<string, number | null> {
    const figures: Record<string, number | null> = {};
    for (const { name, metric, state } of this.#states) {
      const figure = guarded(name, () => metric.compute(state));
      if (typeof figure === "number") figures[name] = finite(figure);
      else {for (const [part, value] of Object.entries(figure)) {
          figures[`${name}/${part}`] = finite(value);
        }}
    }
    return figures;
  }
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function guarded<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new MetricError(name, error);
  }
}
