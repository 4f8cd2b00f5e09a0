/**
 * An MLP trained on 20,000 samples that lie in memory, and on the same samples read from one small
 * file each: without batches ahead, with, and with loader threads. They take turns of a few steps, so
 * that all see the same machine. Prints ms a step of each as JSON, a line a round.
 *
 *   deno run -A bench/small_files_loop.ts ROUNDS STEPS
 */
import { fromFileUrl } from "@std/path";
import { chooseBackend } from "../runtime/backends/choose.ts";
import { keyedStream } from "../runtime/determinism/rng.ts";
import {
  installSeededRandom,
  type SeededRandom,
} from "../runtime/determinism/seeded_math_random.ts";
import type { LaunchContext } from "../runtime/protocol/commands.ts";
import { type LoadedJob, loadJob } from "../runtime/session/load_job.ts";
import { trainLoop } from "../runtime/training/train_loop.ts";

const FILES = 20_000;
const VALUES = 784;
/** Steps before those that are measured: what was prepared while another lane had its turn is gone. */
const SETTLE = 8;

/** What a step is fed from. */
export const FEEDS = {
  memory: { hparams: { memory: true }, prefetch: 0 },
  waiting: { prefetch: 0 },
  ahead: { prefetch: 2 },
  "1 loader": { prefetch: 4, loaders: 1 },
  "2 loaders": { prefetch: 4, loaders: 2 },
} as const;
/** What a step is fed from. */
export type Feed = keyof typeof FEEDS;

/** 20,000 files of 784 bytes, 1,000 a folder. */
async function writeFiles(folder: string): Promise<void> {
  const stream = keyedStream(1, "setup", 7);
  for (let first = 0; first < FILES; first += 1_000) {
    await Deno.mkdir(`${folder}/${first / 1_000}`);
    await Promise.all(Array.from({ length: 1_000 }, (_, at) => {
      const bytes = Uint8Array.from({ length: VALUES }, () => stream.nextInt(256));
      return Deno.writeFile(`${folder}/${first / 1_000}/${first + at}.bin`, bytes);
    }));
  }
}

function launchContext(folder: string, config: Record<string, unknown>): LaunchContext {
  return {
    token: "0123456789abcdef",
    run_id: "job-bench",
    run_gen: 1,
    session_id: "sess-bench",
    project: "bench",
    run_name: "small_files",
    module: { path: fromFileUrl(new URL("./jobs/small_files.ts", import.meta.url)), sha256: "" },
    files: [],
    datasets: [{ name: "files", path: folder }],
    config,
    membership_seed: null,
    dataset_hash: null,
    backend: "wasm",
    threads: 1,
    checkpoint_dir: folder,
    next_checkpoint: 1,
    start: { from: "scratch" },
    origin_step: 0,
    replay: { until_step: 0, commands: [] },
    goal: "running",
  };
}

/** A training loop that waits at its gate until it is given steps, so that several can take turns. */
class Lane {
  #granted = 0;
  #turn = Promise.withResolvers<"go on" | "leave">();
  #done = Promise.withResolvers<void>();
  #clock: { at: number; began: number } | null = null;
  readonly #job: LoadedJob;
  readonly #loop: Promise<unknown>;

  private constructor(job: LoadedJob) {
    this.#job = job;
    this.#loop = trainLoop(job.run, {
      gate: () => this.#granted > 0 ? "go on" : this.#wait(),
      onStep: () => {
        this.#granted--;
        if (this.#clock?.at === this.#granted) this.#clock.began = performance.now();
      },
      onEpochEnd: () => Promise.resolve(),
      checkpoint: () => {},
    });
  }

  static async open(folder: string, feed: Feed, random: SeededRandom): Promise<Lane> {
    const job = await loadJob(launchContext(folder, { ...FEEDS[feed] }), random, () => {});
    await job.loaders?.ready();
    const lane = new Lane(job);
    await lane.msPerStep(1);
    return lane;
  }

  /** Trains some steps to find its stride, then as many as are measured. */
  async msPerStep(steps: number): Promise<number> {
    this.#granted = SETTLE + steps;
    this.#clock = { at: steps, began: 0 };
    this.#done = Promise.withResolvers();
    this.#turn.resolve("go on");
    await this.#done.promise;
    return (performance.now() - this.#clock.began) / steps;
  }

  async close(): Promise<void> {
    this.#turn.resolve("leave");
    await this.#loop;
    this.#job.loaders?.[Symbol.dispose]();
  }

  #wait(): Promise<"go on" | "leave"> {
    this.#turn = Promise.withResolvers();
    this.#done.resolve();
    return this.#turn.promise;
  }
}

if (import.meta.main) {
  const [rounds, steps] = Deno.args.map(Number) as [number, number];
  await chooseBackend("wasm", 1);
  const random = installSeededRandom(keyedStream(0, "setup"));
  const folder = await Deno.makeTempDir();
  try {
    await writeFiles(folder);
    const lanes: [Feed, Lane][] = [];
    for (const feed of Object.keys(FEEDS) as Feed[]) {
      lanes.push([feed, await Lane.open(folder, feed, random)]);
    }
    for (let round = 0; round < rounds; round++) {
      const times: Partial<Record<Feed, number>> = {};
      for (const [feed, lane] of lanes) times[feed] = await lane.msPerStep(steps);
      console.log(JSON.stringify(times));
    }
    for (const [, lane] of lanes) await lane.close();
  } finally {
    random.uninstall();
    await Deno.remove(folder, { recursive: true });
  }
}
