import { assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import type { Loss } from "../../runtime/job_definition.ts";
import { resolveLoss } from "../../runtime/training/losses.ts";

const LOSSES = {
  absoluteDifference: tf.losses.absoluteDifference,
  hingeLoss: tf.losses.hingeLoss,
  meanSquaredError: tf.losses.meanSquaredError,
  huberLoss: tf.losses.huberLoss,
  logLoss: tf.losses.logLoss,
  sigmoidCrossEntropy: tf.losses.sigmoidCrossEntropy,
  softmaxCrossEntropy: tf.losses.softmaxCrossEntropy,
};

for (const [name, own] of Object.entries(LOSSES)) {
  Deno.test(`resolveLoss(tf.losses.${name}) has a loss for each sample, found without splitting`, async () => {
    await chooseBackend("cpu", 1);
    const loss = resolveLoss(own as unknown as Loss);
    const yTrue = tf.tensor2d([[1, 0], [0, 1], [1, 0]]);
    const yPred = tf.tensor2d([[0.75, 0.25], [0.5, 0.5], [0.125, 0.875]]);
    const expected = own(yTrue, yPred).dataSync()[0]!;
    assertAlmostEquals(loss.mean(yTrue, yPred).dataSync()[0]!, expected, 1e-6);
    const samples = loss.perSample(yTrue, yPred)!;
    assertEquals(samples.shape, [3]);
    const alone = Array.from(
      { length: 3 },
      (_, at) => own(yTrue.slice(at, 1), yPred.slice(at, 1)).dataSync()[0]!,
    );
    samples.dataSync().forEach((value, at) => assertAlmostEquals(value, alone[at]!, 1e-6));
    const weights = tf.tensor1d([0, 2, 0]);
    assertAlmostEquals(loss.mean(yTrue, yPred, weights).dataSync()[0]!, alone[1]!, 1e-6);
  });
}
