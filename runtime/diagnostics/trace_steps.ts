import { createHash, type Hash } from "node:crypto";
import * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";
import type { Dataset } from "../data/dataset.ts";
import type { TensorOrRecord } from "../job_definition.ts";
import type { TrainingRun } from "../training/training_run.ts";
import type { StepTrace } from "./determinism.ts";
import { namedWeights } from "./named_weights.ts";
import { trialSteps } from "./trial_steps.ts";

/** Trains some steps and writes down what each took and came to. */
export async function traceSteps(
  run: TrainingRun,
  steps: number,
  onStep: (done: number) => void | Promise<void> = () => {},
): Promise<StepTrace[]> {
  const { data, config } = run;
  const { train } = data;
  const traces: StepTrace[] = [];
  let hash = createHash("sha1");
  data.train = digested(train, () => hash);
  // Batches ahead would be counted to the wrong step.
  run.config = { ...config, prefetch: 0 };
  try {
    await trialSteps(run, steps, ({ loss, gradNorm, lr }) => {
      traces.push({
        step: run.step,
        data: hash.digest("hex"),
        loss,
        gradNorm,
        lr,
        weights: namedWeights(run.handle).map(({ layer, variable }) => ({
          layer,
          digest: digestOf(createHash("sha1"), variable).digest("hex"),
        })),
      });
      hash = createHash("sha1");
      return onStep(traces.length);
    });
  } finally {
    data.train = train;
  }
  return traces;
}

/** A dataset that adds each batch it gives to a hash. */
function digested(dataset: Dataset, hash: () => Hash): Dataset {
  return {
    length: dataset.length,
    async batch(indices, draw) {
      const batch = await dataset.batch(indices, draw);
      for (const part of [batch.xs, batch.ys, batch.weights]) {
        if (part !== undefined) digestOf(hash(), part);
      }
      return batch;
    },
  };
}

function digestOf(hash: Hash, part: TensorOrRecord): Hash {
  if (!(part instanceof tf.Tensor)) {
    for (const tensor of Object.values(part)) digestOf(hash, tensor);
    return hash;
  }
  if (part.dtype === "string") return hash;
  const { buffer, byteOffset, byteLength } = readValues(part);
  return hash.update(new Uint8Array(buffer, byteOffset, byteLength));
}
