/**
 * The loop that the runner is measured against, in a process of its own: `minimize` and the loss
 * read back, on the same kernels, over batches that lie ready, and nothing else. Prints steps/s.
 *
 *   deno run -A bench/bare_loop.ts WARM_UP_STEPS STEPS
 */
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../runtime/backends/choose.ts";
import { wholeFiles } from "../runtime/data/job_files.ts";
import { asDataset } from "../runtime/data/sample_dataset.ts";
import { DEFAULT_JOB_CONFIG } from "../runtime/protocol/job_config.ts";
import mlp from "./jobs/mlp.ts";

const BATCH_SIZE = 128;

const [warmUpSteps, steps] = Deno.args.map(Number) as [number, number];
await chooseBackend("auto", 1);
const model = (mlp.model as () => tf.LayersModel)();
const optimizer = mlp.optimizer() as tf.Optimizer;
const data = await mlp.data({
  ...wholeFiles((name) => Promise.reject(new Error(`there is no file ${name}`))),
  seed: 1,
  config: DEFAULT_JOB_CONFIG,
  hparams: {},
  log: () => {},
});
const train = asDataset(data.train);

const batches: { xs: tf.Tensor; ys: tf.Tensor }[] = [];
for (let first = 0; first + BATCH_SIZE <= train.length; first += BATCH_SIZE) {
  const { xs, ys } = await train.batch(
    Int32Array.from({ length: BATCH_SIZE }, (_, i) => first + i),
  );
  batches.push({ xs: xs as tf.Tensor, ys: ys as tf.Tensor });
}

function step(number: number): void {
  const { xs, ys } = batches[number % batches.length]!;
  const loss = optimizer.minimize(
    () => tf.losses.softmaxCrossEntropy(ys, model.apply(xs, { training: true }) as tf.Tensor),
    true,
  )!;
  loss.dataSync();
  loss.dispose();
}

for (let number = 0; number < warmUpSteps; number++) step(number);
const began = performance.now();
for (let number = 0; number < steps; number++) step(number);
console.log(steps * 1_000 / (performance.now() - began));
