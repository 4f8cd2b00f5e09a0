import type { LaunchRequest } from "./launcher.ts";

/** Touches what nearly every job module does, so that Deno has it compiled. */
const MODULE = `import { defineJob, tensorDataset } from "onthefly";
import * as tf from "@tensorflow/tfjs";
export default defineJob({
  config: { maxSteps: 2, batchSize: 2, testAfter: true },
  model: () => tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2], activation: "softmax" })] }),
  optimizer: () => tf.train.adam(0.1),
  loss: "categoricalCrossentropy",
  data: () => {
    const samples = tensorDataset(tf.tensor2d([[0, 1], [1, 0]]), tf.tensor2d([[0, 1], [1, 0]]));
    return { train: samples, val: samples, test: samples };
  },
});
`;

/** Memory that the warm job may take, in bytes. */
const MEMORY_BYTES = 2 ** 31;

/** Writes a job of two steps into `folder`, which fills a worker's cache when it runs. */
export async function warmJob(
  folder: string,
  backend: LaunchRequest["context"]["backend"],
): Promise<LaunchRequest> {
  const checkpointDir = `${folder}/checkpoints`;
  await Deno.mkdir(checkpointDir, { recursive: true });
  await Deno.writeTextFile(`${folder}/module.ts`, MODULE);
  return {
    jobDir: folder,
    memoryBytes: MEMORY_BYTES,
    timeoutMs: 60_000,
    context: {
      token: crypto.randomUUID(),
      run_id: "warm",
      run_gen: 1,
      session_id: "warm",
      project: "warm",
      run_name: "warm",
      module: { path: `${folder}/module.ts`, sha256: "" },
      files: [],
      config: {},
      membership_seed: null,
      dataset_hash: null,
      backend,
      threads: 1,
      checkpoint_dir: checkpointDir,
      next_checkpoint: 1,
      start: { from: "scratch" },
      origin_step: 0,
      replay: { until_step: 0, commands: [] },
      goal: "running",
    },
  };
}
