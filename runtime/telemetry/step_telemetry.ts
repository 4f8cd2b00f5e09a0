import * as tf from "@tensorflow/tfjs";
import { isOnDevice, readValues } from "../backends/tensor_view.ts";
import { layersOf, LayerWatch } from "../training/layer_outputs.ts";
import type { Metric } from "../metrics/metric.ts";
import { topK } from "../metrics/top_k.ts";
import { figuresOf, type Telemetry, topOf } from "../protocol/telemetry.ts";
import type { ModelHandle } from "../training/model_handle.ts";
import { StepSample } from "./step_sample.ts";

/** What the worker's process holds, in bytes. */
export interface ProcessMemory {
  rss: number;
  heap: number;
}

/** What telemetry looks at. */
export interface TelemetrySource {
  readonly handle: ModelHandle;
  readonly config: {
    readonly telemetry: readonly Telemetry[];
    readonly telemetryEverySteps: number;
  };
}

/** Figures of a step by name; null where it was not sampled. */
export type TelemetryFigures = Record<string, number | null>;

type TopK = Metric<{ hits: number; samples: number }>;

/**
 * The telemetry of a run: what costs next to nothing in every step, the rest in one of
 * `telemetry_every_steps`, counted by step, so that a run that repeats has the same gaps. It only
 * reads: no bit of training depends on it. What lies on a GPU is not read for it.
 */
export class StepTelemetry implements Disposable {
  readonly #every: number;
  readonly #kinds: ReadonlySet<Telemetry>;
  readonly #unsampled: TelemetryFigures;
  readonly #handle: ModelHandle;
  readonly #memory: () => ProcessMemory;
  /** The layers whose zeros are counted. */
  readonly #watch: LayerWatch | null;
  readonly #tops: ReadonlyMap<string, TopK>;
  /** A copy of the weights before a sampled step. */
  readonly #before: Float32Array[];

  constructor({ handle, config }: TelemetrySource, memory: () => ProcessMemory = processMemory) {
    this.#every = config.telemetryEverySteps;
    this.#kinds = new Set(config.telemetry);
    this.#unsampled = Object.fromEntries(figuresOf(config.telemetry).map((name) => [name, null]));
    this.#handle = handle;
    this.#memory = memory;
    const reads = !isOnDevice();
    const counted = reads && this.#kinds.has("activation_zero_frac")
      ? [...layersOf(handle.model)].filter(([, { activation, last }]) => activation && !last)
      : [];
    this.#watch = counted.length === 0 ? null : new LayerWatch(new Map(counted));
    this.#tops = new Map(config.telemetry.flatMap((kind) => {
      const k = reads ? topOf(kind) : null;
      return k === null ? [] : [[kind, topK(k)] as const];
    }));
    this.#before = reads && this.#kinds.has("update_ratio")
      ? handle.trainable.map(({ size }) => new Float32Array(size))
      : [];
  }

  /** The sample of a step that is about to be made; null for a step that is not sampled. */
  begin(step: number): StepSample | null {
    if (this.#kinds.size === 0 || (step - 1) % this.#every !== 0) return null;
    this.#before.forEach((copy, at) => copy.set(readValues(this.#handle.trainable[at]!)));
    return new StepSample(this.#watch, this.#tops);
  }

  /** @param waited Share of the step's time that it waited for its batch. */
  figures(sample: StepSample | null, waited: number): TelemetryFigures {
    const figures = { ...this.#unsampled };
    // Four digits are more than a clock's noise leaves, and a shorter event.
    if (this.#kinds.has("data_wait")) figures["data_wait"] = Math.round(waited * 1e4) / 1e4;
    if (sample === null) return figures;
    Object.assign(figures, sample.figures);
    if (this.#before.length > 0) figures["update_ratio"] = this.#updateRatio();
    if (this.#kinds.has("memory")) {
      const { rss, heap } = this.#memory();
      figures["mem_rss"] = rss;
      figures["mem_heap"] = heap;
      figures["mem_tensors"] = tf.engine().state.numBytes;
    }
    return figures;
  }

  /** Lets go of the layers. */
  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
  }

  #updateRatio(): number | null {
    let moved = 0, held = 0;
    for (const [at, before] of this.#before.entries()) {
      const after = readValues(this.#handle.trainable[at]!);
      for (let index = 0; index < before.length; index++) {
        const value = before[index]!;
        const change = after[index]! - value;
        moved += change * change;
        held += value * value;
      }
    }
    return held > 0 ? Math.sqrt(moved / held) : null;
  }
}

function processMemory(): ProcessMemory {
  const { rss, heapUsed } = Deno.memoryUsage();
  return { rss, heap: heapUsed };
}
