import { ownStream } from "../determinism/own_stream.ts";
import type { JobConfig } from "../protocol/job_config.ts";
import type { Batch, Dataset, Draw } from "./dataset.ts";
import { DatasetError } from "./dataset_error.ts";
import {
  errorOf,
  type LoaderAnswer,
  type LoaderRequest,
  type LoaderStart,
} from "./loader_messages.ts";
import { unpackBatch } from "./packed_batch.ts";

/** What a {@linkcode LoaderPool} is made of. */
export interface LoaderPoolOptions {
  /** How many threads. */
  count: number;
  /** The program of a thread. */
  thread: URL;
  start: LoaderStart;
  /** The training split as the training thread has it. */
  train: Dataset;
  /** Config in effect, an object of its own after each change. */
  config: () => JobConfig;
  /**
   * Whether this thread would make the same bits: it then makes batches itself until a thread is
   * ready.
   */
  sameBits: boolean;
  /** Takes what the module logs in a thread. */
  log: (message: string) => void;
}

/** Somebody who waits for a batch. */
interface Waiting {
  resolve: (batch: Batch | null) => void;
  reject: (error: Error) => void;
}

/**
 * The training split, its batches made in threads that each have loaded the module for themselves.
 * A batch is made there in the random stream that it would have had here, so that the number of
 * threads never changes a bit; a batch with no stream of its own (tests, scans) is made here.
 */
export class LoaderPool implements Dataset, Disposable {
  readonly length: number;
  readonly #train: Dataset;
  readonly #sameBits: boolean;
  readonly #loaders: Loader[];

  constructor(options: LoaderPoolOptions) {
    this.#train = options.train;
    this.length = options.train.length;
    this.#sameBits = options.sameBits;
    this.#loaders = Array.from({ length: options.count }, () => new Loader(options));
  }

  /** Those of the split. */
  get classNames(): readonly string[] | undefined {
    return this.#train.classNames;
  }

  /** Those of the split. */
  get labels(): Int32Array | undefined {
    return this.#train.labels;
  }

  /** Resolves when each thread has its dataset. @throws {Error} what one of them failed with. */
  async ready(): Promise<void> {
    await Promise.all(this.#loaders.map(({ ready }) => ready));
  }

  /** How many batches each thread has made. */
  get made(): number[] {
    return this.#loaders.map(({ made }) => made);
  }

  batch(indices: Int32Array, draw?: Draw): Batch | Promise<Batch> {
    const stream = ownStream();
    const here = () => this.#train.batch(indices, draw);
    if (stream === undefined || draw === undefined) return here();
    const usable = this.#loaders.filter(({ isUsable }) => isUsable);
    if (usable.length === 0 && this.#sameBits) return here();
    const loader = (usable.length === 0 ? this.#loaders : usable)
      .reduce((best, other) => other.load < best.load ? other : best);
    const { state: random } = stream;
    return loader.batch({ indices, draw, random }).then((batch) => batch ?? here());
  }

  /** Ends the threads; who waits for a batch waits no longer. */
  [Symbol.dispose](): void {
    for (const loader of this.#loaders) loader.end();
  }
}

/** One thread, and who waits for it. */
class Loader {
  readonly ready: Promise<void>;
  /** Batches that it has made. */
  made = 0;
  readonly #thread: Worker;
  readonly #config: () => JobConfig;
  readonly #waiting = new Map<number, Waiting>();
  #told: JobConfig | null = null;
  #nextId = 0;
  #state: "loading" | "ready" | Error = "loading";

  constructor({ thread, start, train, config, log }: LoaderPoolOptions) {
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    // Whether it failed is told to whoever asks for a batch.
    this.ready.catch(() => {});
    this.#config = config;
    this.#thread = new Worker(thread, { type: "module" });
    const broken = (error: Error) => {
      ready.reject(error);
      this.#break(error);
    };
    this.#thread.onerror = (event) => {
      event.preventDefault();
      broken(new DatasetError(`a loader thread ended: ${event.message}`));
    };
    this.#thread.onmessage = ({ data }: MessageEvent<LoaderAnswer>) => {
      if (data.kind === "log") return log(data.message);
      if (data.kind === "broken") return broken(errorOf(data.fault));
      if (data.kind !== "ready") return this.#receive(data);
      if (data.length !== train.length) {
        const [own, other] = [train.length, data.length];
        const told = `data().train has ${own} samples, and ${other} when it is loaded again`;
        return broken(new DatasetError(`${told}: data() must answer the same in each loader`));
      }
      if (this.#state === "loading") this.#state = "ready";
      ready.resolve();
    };
    this.#thread.postMessage(start);
  }

  /** Whether it has its dataset, or an error that somebody must hear of. */
  get isUsable(): boolean {
    return this.#state !== "loading";
  }

  /** How many wait for it. */
  get load(): number {
    return this.#waiting.size;
  }

  /** A batch; null where what the dataset answered cannot be sent. */
  batch(asked: Pick<LoaderRequest, "indices" | "draw" | "random">): Promise<Batch | null> {
    if (this.#state instanceof Error) return Promise.reject(this.#state);
    const id = this.#nextId++;
    const config = this.#config();
    const news = config === this.#told ? {} : { config };
    this.#told = config;
    const answer = Promise.withResolvers<Batch | null>();
    this.#waiting.set(id, answer);
    this.#thread.postMessage({ ...asked, ...news, id } satisfies LoaderRequest);
    return answer.promise;
  }

  end(): void {
    this.#break(new DatasetError("the loader threads have ended"));
  }

  #receive(answer: Exclude<LoaderAnswer, { kind: "ready" | "broken" | "log" }>): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.kind === "failed") return waiting?.reject(errorOf(answer.fault));
    this.made++;
    waiting?.resolve(answer.kind === "batch" ? unpackBatch(answer.batch) : null);
  }

  #break(error: Error): void {
    if (this.#state instanceof Error) return;
    this.#state = error;
    this.#thread.terminate();
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
