/** The models that backends are compared on, and how long their training step takes. */
import * as tf from "@tensorflow/tfjs";
import { median } from "./statistics.ts";

/** Samples in a batch. */
export const BATCH_SIZE = 128;

/** By name: what the bench trains. */
export const STEP_MODELS: Readonly<Record<string, () => tf.Sequential>> = {
  "MLP 32-64-2": () => mlp([32, 64, 2]),
  "MLP 784-512-256-10": () => mlp([784, 512, 256, 10]),
  "CNN 28x28, 16 and 32 filters": () =>
    tf.sequential({
      layers: [
        tf.layers.conv2d({ ...CONVOLUTION, inputShape: [28, 28, 1], filters: 16 }),
        tf.layers.maxPooling2d({ poolSize: 2 }),
        tf.layers.conv2d({ ...CONVOLUTION, filters: 32 }),
        tf.layers.maxPooling2d({ poolSize: 2 }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 10 }),
      ],
    }),
};

const CONVOLUTION = { kernelSize: 3, padding: "same", activation: "relu" } as const;

function mlp(widths: readonly number[]): tf.Sequential {
  const [inputs, ...units] = widths as [number, ...number[]];
  return tf.sequential({
    layers: units.map((units, at) =>
      tf.layers.dense({
        units,
        ...(at === 0 ? { inputShape: [inputs] } : {}),
        ...(at < widths.length - 2 ? { activation: "relu" as const } : {}),
      })
    ),
  });
}

/**
 * Trains a model on the current backend by Adam, its loss read back every step.
 * @returns Milliseconds of the median step, of as many as fit into `forMs`, 10 at least.
 */
export function medianStep(name: string, forMs: number): number {
  const model = STEP_MODELS[name]!();
  const [, ...inputShape] = model.inputs[0]!.shape as number[];
  const classes = model.outputShape.at(-1) as number;
  const optimizer = tf.train.adam(1e-3);
  const xs = tf.randomNormal([BATCH_SIZE, ...inputShape], 0, 1, "float32", 3);
  const labels = Array.from({ length: BATCH_SIZE }, (_, at) => at % classes);
  const ys = tf.oneHot(tf.tensor1d(labels, "int32"), classes);
  const step = () => {
    const loss = optimizer.minimize(
      () => tf.losses.softmaxCrossEntropy(ys, model.apply(xs, { training: true }) as tf.Tensor),
      true,
    )!;
    loss.dataSync();
    loss.dispose();
  };
  for (let warmUp = 0; warmUp < 5; warmUp++) step();
  const times: number[] = [];
  const end = performance.now() + forMs;
  while (times.length < 10 || performance.now() < end) {
    const from = performance.now();
    step();
    times.push(performance.now() - from);
  }
  return median(times);
}
