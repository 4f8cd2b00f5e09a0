import * as tf from "@tensorflow/tfjs";
import { withOwnStream } from "../determinism/own_stream.ts";
import { keyedStream } from "../determinism/rng.ts";
import type { SampledBatch, Sampler } from "../determinism/sampler.ts";
import type { Batch, Dataset } from "./dataset.ts";

/** What a {@linkcode BatchFeed} draws from; a run, whose sampler may be replaced at any time. */
export interface FeedSource {
  readonly sampler: Sampler;
  readonly data: { readonly train: Dataset };
  readonly config: { readonly seed: number; readonly prefetch: number };
}

/** A batch with the positions that it was drawn for. */
export interface FedBatch {
  drawn: SampledBatch;
  batch: Batch;
}

/**
 * Training batches in the sampler's order, some of them under way before they are needed. Each is
 * made in a random stream of its own, so that how many are ahead never changes a bit.
 */
export class BatchFeed {
  readonly #source: FeedSource;
  readonly #ahead: Promise<Batch>[] = [];
  /** Whose future `#ahead` is, and the sampler that runs before it. */
  #following: { sampler: Sampler; scout: Sampler } | null = null;
  /** A dataset that answers at once has nothing to win from being asked early. */
  #waits = false;

  constructor(source: FeedSource) {
    this.#source = source;
  }

  /** The next batch; the sampler moves on by it. Whoever asks disposes it. */
  async next(): Promise<FedBatch> {
    const { sampler } = this.#source;
    if (this.#following?.sampler !== sampler) this.#forget();
    const drawn = sampler.next();
    const asked = this.#ahead.shift() ?? this.#prepare(drawn);
    this.#waits ||= asked instanceof Promise;
    if (this.#waits) this.#lookAhead(sampler);
    return { drawn, batch: asked instanceof Promise ? await asked : asked };
  }

  /** Lets go of what was prepared and never asked for. */
  [Symbol.dispose](): void {
    this.#forget();
  }

  #lookAhead(sampler: Sampler): void {
    this.#following ??= { sampler, scout: sampler.ahead() };
    const { scout } = this.#following;
    while (this.#ahead.length < this.#source.config.prefetch) {
      const early = this.#started(scout.next());
      // Whether it fails is told when it is asked for.
      early.catch(() => {});
      this.#ahead.push(early);
    }
    if (this.#ahead.length === 0) this.#following = null;
  }

  async #started(drawn: SampledBatch): Promise<Batch> {
    return await this.#prepare(drawn);
  }

  #prepare({ indices, epoch, batch }: SampledBatch): Batch | Promise<Batch> {
    const { data, config: { seed } } = this.#source;
    const stream = keyedStream(seed, "data", epoch, batch);
    return withOwnStream(stream, () => data.train.batch(indices, { seed, epoch }));
  }

  #forget(): void {
    this.#following = null;
    for (const early of this.#ahead.splice(0)) {
      early.then(
        ({ xs, ys, weights }) => tf.dispose([xs, ys, weights ?? []]),
        () => {}, // Nobody asked for it, so nobody needs to know.
      );
    }
  }
}
