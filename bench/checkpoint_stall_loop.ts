/**
 * Prints for how long a ring checkpoint of 10 M parameters with Adam holds training up, and how
 * long a copy of the same state in memory takes, both in ms, as one JSON line a round.
 *
 *   deno run -A bench/checkpoint_stall_loop.ts ROUNDS
 */
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../runtime/backends/wasm/start.ts";
import { saveInBackground } from "../runtime/checkpoints/background_save.ts";
import { captureCheckpoint } from "../runtime/checkpoints/checkpoint.ts";
import { modelHandle } from "../runtime/training/model_handle.ts";

/** Square weights of this side: 10.2 million parameters. */
const WIDTH = 3_200;

const rounds = Number(Deno.args[0]);
await startWasm();
const model = tf.sequential({
  layers: [tf.layers.dense({ inputShape: [WIDTH], units: WIDTH, useBias: false })],
});
const handle = modelHandle(model);
const optimizer = tf.train.adam();
const xs = tf.ones([1, WIDTH]);
optimizer.minimize(() => tf.mean(model.apply(xs) as tf.Tensor));

const folder = await Deno.makeTempDir({ prefix: "onthefly-bench-" });
try {
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    const snapshot = captureCheckpoint({ handle, optimizer, indices: null, state: {} });
    // Read now: the memory moves to the thread.
    const lengths = snapshot.tensors.values().map(({ values }) => values.length).toArray();
    const saved = saveInBackground(`${folder}/${round}.safetensors`, snapshot);
    const stall = performance.now() - began;
    await saved;
    console.log(JSON.stringify({ stall, copy: copyMs(lengths) }));
    await Deno.remove(`${folder}/${round}.safetensors`);
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}

/** Time to copy arrays of these lengths into fresh memory. */
function copyMs(lengths: number[]): number {
  const arrays = lengths.map((length) => new Float32Array(length).fill(1));
  const began = performance.now();
  for (const array of arrays) array.slice();
  return performance.now() - began;
}
