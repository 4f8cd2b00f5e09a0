/**
 * An MLP trained on 20,000 samples that lie in memory, and on the same samples read from one small
 * file each, without batches ahead and with. Prints ms a step of each as JSON, a line a round.
 *
 *   deno run -A bench/small_files_loop.ts ROUNDS STEPS
 */
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../runtime/backends/choose.ts";
import { openDataFolder } from "../runtime/data/data_folder.ts";
import type { Dataset } from "../runtime/data/dataset.ts";
import { defineDataset } from "../runtime/data/sample_dataset.ts";
import { keyedStream } from "../runtime/determinism/rng.ts";
import { installSeededRandom } from "../runtime/determinism/seeded_math_random.ts";
import { wholeFiles } from "../runtime/data/job_files.ts";
import { buildJob } from "../runtime/session/load_job.ts";
import { trainLoop } from "../runtime/training/train_loop.ts";

const FILES = 20_000;
const VALUES = 784;
const BATCH_SIZE = 128;
const WARM_UP = 20;

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

function targetOf(index: number): Float32Array {
  const target = new Float32Array(10);
  target[index % 10] = 1;
  return target;
}

/** Ms a step. */
async function measure(train: Dataset, prefetch: number, steps: number): Promise<number> {
  const random = installSeededRandom(keyedStream(0, "setup"));
  const { run } = await buildJob({
    model: () =>
      tf.sequential({
        layers: [
          tf.layers.dense({ units: 512, activation: "relu", inputShape: [VALUES] }),
          tf.layers.dense({ units: 256, activation: "relu" }),
          tf.layers.dense({ units: 10, activation: "softmax" }),
        ],
      }),
    optimizer: () => tf.train.adam(1e-3),
    loss: "categoricalCrossentropy",
    data: () => ({ train }),
  }, {
    context: {
      config: { batch_size: BATCH_SIZE, max_epochs: 100, max_steps: WARM_UP + steps, prefetch },
      membership_seed: null,
    },
    random,
    log: () => {},
    ...wholeFiles((name) => Promise.reject(new Error(`there is no file ${name}`))),
  });
  let began = 0;
  await trainLoop(run, {
    gate: () => "go on",
    onStep: () => {
      if (run.step === WARM_UP) began = performance.now();
    },
    onEpochEnd: () => Promise.resolve(),
    checkpoint: () => {},
  });
  random.uninstall();
  return (performance.now() - began) / steps;
}

if (import.meta.main) {
  const [rounds, steps] = Deno.args.map(Number) as [number, number];
  await chooseBackend("wasm", 1);
  const folder = await Deno.makeTempDir();
  try {
    await writeFiles(folder);
    const files = await openDataFolder(folder, "bench");
    const fromBytes = (bytes: Uint8Array, index: number) => ({
      xs: Float32Array.from(bytes, (value) => value / 255),
      ys: targetOf(index),
    });
    const held = await Promise.all(files.files.map((name) => files.file(name)));
    const memory = defineDataset({ length: FILES, sample: (i) => fromBytes(held[i]!, i) });
    const disk = defineDataset({
      length: FILES,
      sample: async (i) => fromBytes(await files.file(files.files[i]!), i),
    });
    for (let round = 0; round < rounds; round++) {
      const times = {
        memory: await measure(memory, 0, steps),
        waiting: await measure(disk, 0, steps),
        ahead: await measure(disk, 2, steps),
      };
      console.log(JSON.stringify(times));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
