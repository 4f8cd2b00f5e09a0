import { assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWebGpu } from "../../runtime/backends/webgpu/start.ts";
import { testLayersOn } from "../fixtures/layer_comparison.ts";
import { webGpuForTests } from "../fixtures/webgpu_adapter.ts";

/** One of each kind; `bench/backend_layers.ts` walks them all, which takes minutes in software. */
const KINDS = ["dense", "conv2d", "depthwiseConv2d", "averagePooling2d", "averagePooling3d"];
const OTHERS = ["maxPooling2d", "batchNormalization", "embedding", "simpleRNN", "leakyReLU"];

const adapter = await webGpuForTests();

async function start(): Promise<void> {
  await startWebGpu();
}

testLayersOn("webgpu", start, adapter === null, [...KINDS, ...OTHERS]);

Deno.test({
  name: "tf.layers.maxPooling3d says that webgpu cannot train an oblong window",
  ignore: adapter === null,
  fn: async () => {
    await start();
    const layer = tf.layers.maxPooling3d({ poolSize: [2, 3, 2] });
    const gradient = tf.grad((x: tf.Tensor) => tf.sum(layer.apply(x) as tf.Tensor));
    const derive = () => tf.tidy(() => gradient(tf.ones([1, 4, 6, 4, 1])));
    assertThrows(derive, Error, "maxPooling3d with poolSize [2,3,2] does not train on webgpu");
  },
});
