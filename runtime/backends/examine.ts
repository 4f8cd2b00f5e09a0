/**
 * Process entry: starts one backend and measures it. Prints one line of JSON. Run apart from the
 * server, which never loads TensorFlow.js, and apart from one another, so that a backend that brings
 * its process down says no more than that about itself.
 *
 *   deno run -A runtime/backends/examine.ts wasm 1 '{"library":null,"reason":""}'
 */
import * as tf from "@tensorflow/tfjs";
import type { LaunchContext } from "../protocol/commands.ts";
import { chooseBackend, type TensorFlowLibrary } from "./choose.ts";

const BATCH = 32;
const WARM_STEPS = 3;
const MEASURED_STEPS = 15;
/** A backend that takes longer is measured by fewer steps, in ms. */
const LONG_ENOUGH = 1_000;

/** What `examine.ts` prints. Times are in ms; a step is forward, backward and Adam. */
export interface Examination {
  name: string;
  reason: string;
  determinism: string;
  /** Start and self-test together. */
  start_ms: number;
  mlp_step_ms: number;
  cnn_step_ms: number;
}

async function examine(
  wanted: LaunchContext["backend"],
  threads: number,
  library: TensorFlowLibrary,
): Promise<Examination> {
  const began = performance.now();
  const { name, reason, determinism } = await chooseBackend(wanted, threads, library);
  return {
    name,
    reason,
    determinism,
    start_ms: performance.now() - began,
    mlp_step_ms: medianStep([32], [
      tf.layers.dense({ inputShape: [32], units: 64, activation: "relu" }),
      tf.layers.dense({ units: 10 }),
    ]),
    cnn_step_ms: medianStep([16, 16, 1], [
      tf.layers.conv2d({ inputShape: [16, 16, 1], filters: 8, kernelSize: 3, activation: "relu" }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 10 }),
    ]),
  };
}

function medianStep(inputShape: number[], layers: tf.layers.Layer[]): number {
  const model = tf.sequential({ layers });
  const optimizer = tf.train.adam(1e-3);
  const xs = tf.randomNormal([BATCH, ...inputShape], 0, 1, "float32", 1);
  const labels = Int32Array.from({ length: BATCH }, (_, row) => row % 10);
  const ys = tf.oneHot(tf.tensor1d(labels, "int32"), 10);
  const step = () => {
    const began = performance.now();
    optimizer.minimize(() => {
      const logits = model.apply(xs, { training: true }) as tf.Tensor;
      return tf.losses.softmaxCrossEntropy(ys, logits);
    }, true)!.dataSync();
    return performance.now() - began;
  };
  for (let warm = 0; warm < WARM_STEPS; warm++) step();
  const times: number[] = [];
  for (
    let spent = 0;
    times.length < MEASURED_STEPS && spent < LONG_ENOUGH;
    spent += times.at(-1)!
  ) {
    times.push(step());
  }
  return times.sort((a, b) => a - b)[times.length >> 1]!;
}

if (import.meta.main) {
  const [wanted, threads, library] = Deno.args;
  const examination = await examine(
    wanted as LaunchContext["backend"],
    Number(threads),
    JSON.parse(library ?? "null"),
  );
  console.log(JSON.stringify(examination));
}
