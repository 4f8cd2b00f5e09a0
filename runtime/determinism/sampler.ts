import type { JobConfig } from "../protocol/job_config.ts";
import { keyedStream } from "./rng.ts";

/** Where a sampler stands: the samples of `epoch` that it has given, counted by `cursor`. */
export interface SamplerState {
  epoch: number;
  cursor: number;
}

/** What a {@linkcode Sampler} draws from. */
export interface SamplerOptions {
  /** Positions in the training split. */
  indices: Int32Array;
  batchSize: number;
  seed: number;
  /** The order of an epoch; `epoch_reseed` where nothing is said. */
  policy?: DataOrderPolicy;
  state?: SamplerState;
}

type DataOrderPolicy = JobConfig["dataOrderPolicy"];

/** One batch of positions; `batch` counts from 0 in its epoch. */
export interface SampledBatch {
  indices: Int32Array;
  epoch: number;
  batch: number;
  endsEpoch: boolean;
}

/**
 * Batches without end: every index once an epoch, the last batch as short as it comes. The order of
 * an epoch is a function of (indices, seed, policy, epoch) alone, so (epoch, cursor) is all there is
 * to keep: a new shuffle each epoch, one shuffle for all, or the order of the data.
 */
export class Sampler {
  readonly stepsPerEpoch: number;
  readonly #indices: Int32Array;
  readonly #batchSize: number;
  readonly #seed: number;
  readonly #policy: DataOrderPolicy;
  #epoch = 0;
  #cursor = 0;
  #order: Int32Array | null = null;

  /** @throws {RangeError} without indices, for a batch size below 1, or for a bad state. */
  constructor({ indices, batchSize, seed, policy, state }: SamplerOptions) {
    if (indices.length === 0) throw new RangeError("there is no sample to draw from");
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new RangeError(`batch size must be an integer of at least 1, got ${batchSize}`);
    }
    this.#indices = indices.slice();
    this.#batchSize = batchSize;
    this.#seed = seed;
    this.#policy = policy ?? "epoch_reseed";
    this.stepsPerEpoch = Math.ceil(indices.length / batchSize);
    if (state !== undefined) this.restore(state);
  }

  /** The next batch. */
  next(): SampledBatch {
    this.#order ??= this.#orderOf(this.#epoch);
    const epoch = this.#epoch;
    const batch = Math.floor(this.#cursor / this.#batchSize);
    const end = Math.min(this.#cursor + this.#batchSize, this.#order.length);
    const indices = this.#order.slice(this.#cursor, end);
    const endsEpoch = end === this.#order.length;
    this.#cursor = endsEpoch ? 0 : end;
    if (endsEpoch) {
      this.#epoch++;
      this.#order = null;
    }
    return { indices, epoch, batch, endsEpoch };
  }

  /** A sampler of its own that stands where this one does. */
  ahead(): Sampler {
    return new Sampler({
      indices: this.#indices,
      batchSize: this.#batchSize,
      seed: this.#seed,
      policy: this.#policy,
      state: this.capture(),
    });
  }

  /** Where it stands. */
  capture(): SamplerState {
    return { epoch: this.#epoch, cursor: this.#cursor };
  }

  /**
   * Goes on from where {@linkcode capture} stood.
   *
   * @throws {RangeError} for a position that these indices do not have.
   */
  restore({ epoch, cursor }: SamplerState): void {
    if (!Number.isSafeInteger(epoch) || epoch < 0) {
      throw new RangeError(`a sampler's epoch is an integer of at least 0, got ${epoch}`);
    }
    if (!Number.isInteger(cursor) || cursor < 0 || cursor >= this.#indices.length) {
      throw new RangeError(`cursor ${cursor} is not within ${this.#indices.length} samples`);
    }
    this.#epoch = epoch;
    this.#cursor = cursor;
    this.#order = null;
  }

  #orderOf(epoch: number): Int32Array {
    const order = this.#indices.slice();
    if (this.#policy === "user") return order;
    const shuffle = this.#policy === "fixed_order" ? 0 : epoch;
    keyedStream(this.#seed, "shuffle", shuffle).shuffle(order);
    return order;
  }
}
