import { assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { installSeededRandom } from "../../runtime/determinism/seeded_math_random.ts";
import { defineJob, type JobDefinition, tensorDataset } from "../../runtime/mod.ts";
import { buildJob } from "../../runtime/session/load_job.ts";

const DRAWN = defineJob({
  model: () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] }),
  optimizer: () => tf.train.sgd(0.1),
  loss: "meanSquaredError",
  data: () => ({ train: tensorDataset(tf.randomNormal([8, 2]), tf.randomNormal([8, 1])) }),
});

/** Hash of the data and first weights, for a seed of the job's own and one of its session's root. */
async function built(
  seed: number,
  membership_seed: number | null,
  definition: Partial<JobDefinition> = {},
): Promise<{ data: string; weights: number[] }> {
  await chooseBackend("cpu", 1);
  const random = installSeededRandom(keyedStream(0, "setup"));
  try {
    const { run, datasetHash } = await buildJob({ ...DRAWN, ...definition }, {
      context: { config: { seed }, membership_seed },
      random,
      log: () => {},
      file: () => Promise.reject(new Error("no files")),
    });
    const weights = Array.from(run.handle.weights[0]!.variable.dataSync());
    run.handle.dispose();
    return { data: datasetHash, weights };
  } finally {
    random.uninstall();
  }
}

Deno.test("buildJob() draws the data of a fork with another seed as its session's root does", async () => {
  const [root, fork, other] = [await built(1, null), await built(2, 1), await built(2, null)];
  assertEquals(fork.data, root.data);
  assertEquals(fork.weights, other.weights);
  assertEquals(other.data === root.data, false);
});

Deno.test("buildJob() refuses a model that has nothing to train", async () => {
  const frozen = tf.layers.dense({ units: 1, inputShape: [2], trainable: false });
  const model = () => tf.sequential({ layers: [frozen] });
  await assertRejects(() => built(1, null, { model }), "model() has no trainable weight");
});
