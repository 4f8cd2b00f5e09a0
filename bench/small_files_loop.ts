/**
 * An MLP trained on 20,000 samples that lie in memory, and on the same samples read from one small
 * file each: without batches ahead, with, and with loader threads. Prints ms a step of each as JSON,
 * a line a round.
 *
 *   deno run -A bench/small_files_loop.ts ROUNDS STEPS
 */
import { fromFileUrl } from "@std/path";
import { chooseBackend } from "../runtime/backends/choose.ts";
import { keyedStream } from "../runtime/determinism/rng.ts";
import { installSeededRandom } from "../runtime/determinism/seeded_math_random.ts";
import type { LaunchContext } from "../runtime/protocol/commands.ts";
import { loadJob } from "../runtime/session/load_job.ts";
import { trainLoop } from "../runtime/training/train_loop.ts";

const FILES = 20_000;
const VALUES = 784;
const WARM_UP = 20;

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

/** Ms a step. */
async function measure(folder: string, feed: Feed, steps: number): Promise<number> {
  const random = installSeededRandom(keyedStream(0, "setup"));
  const context = launchContext(folder, { ...FEEDS[feed], max_steps: WARM_UP + steps });
  const { run, loaders } = await loadJob(context, random, () => {});
  await loaders?.ready();
  let began = 0;
  await trainLoop(run, {
    gate: () => "go on",
    onStep: () => {
      if (run.step === WARM_UP) began = performance.now();
    },
    onEpochEnd: () => Promise.resolve(),
    checkpoint: () => {},
  });
  const took = performance.now() - began;
  loaders?.[Symbol.dispose]();
  random.uninstall();
  return took / steps;
}

if (import.meta.main) {
  const [rounds, steps] = Deno.args.map(Number) as [number, number];
  await chooseBackend("wasm", 1);
  const folder = await Deno.makeTempDir();
  try {
    await writeFiles(folder);
    for (let round = 0; round < rounds; round++) {
      const times: Record<string, number> = {};
      for (const feed of Object.keys(FEEDS) as Feed[]) {
        times[feed] = await measure(folder, feed, steps);
      }
      console.log(JSON.stringify(times));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
