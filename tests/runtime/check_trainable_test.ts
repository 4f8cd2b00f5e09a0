import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { installSeededRandom } from "../../runtime/determinism/seeded_math_random.ts";
import { type JobDefinition, tensorDataset } from "../../runtime/mod.ts";
import { buildJob } from "../../runtime/session/load_job.ts";
import type { TrainingRun } from "../../runtime/training/training_run.ts";

const { conv1d, conv2d, conv3d, convLstm2d, dense, flatten, separableConv2d } = tf.layers;
const dilated = { filters: 2, kernelSize: 2, dilationRate: 2 };

async function build(
  backend: "wasm" | "cpu",
  layers: () => tf.layers.Layer[],
  shape: number[],
  definition: Partial<JobDefinition> = {},
): Promise<TrainingRun> {
  await chooseBackend(backend, 1);
  const random = installSeededRandom(keyedStream(0, "setup"));
  try {
    const { run } = await buildJob({
      model: () => tf.sequential({ layers: layers() }),
      optimizer: () => tf.train.sgd(0.1),
      loss: "meanSquaredError",
      data: () => ({ train: tensorDataset(tf.ones([8, ...shape]), tf.ones([8, 1])) }),
      ...definition,
    }, {
      context: { config: { batch_size: 4 }, membership_seed: null },
      random,
      log: () => {},
      file: () => Promise.reject(new Error("no files")),
    });
    return run;
  } finally {
    random.uninstall();
  }
}

interface Untrainable {
  layers: () => tf.layers.Layer[];
  shape: number[];
  says: string;
}

const inputShape = [8, 8, 1];
const head = () => [flatten(), dense({ units: 1 })];
const no = (gradient: string) =>
  `Error in gradient of ${gradient}: dilation rates greater than 1 are not yet supported`;

const UNTRAINABLE: Record<string, Untrainable> = {
  "conv1d, dilated": {
    layers: () => [conv1d({ ...dilated, inputShape: [8, 1], name: "a" }), ...head()],
    shape: [8, 1],
    says: `layer 1, Conv1D "a" cannot be trained on BACKEND: ${no("conv2D")}`,
  },
  "conv2d, dilated, behind a layer that trains": {
    layers: () => [
      conv2d({ filters: 2, kernelSize: 2, inputShape }),
      conv2d({ ...dilated, name: "b" }),
      ...head(),
    ],
    shape: inputShape,
    says: `layer 2, Conv2D "b" cannot be trained on BACKEND: ${no("fused conv2D")}`,
  },
  "separableConv2d, dilated": {
    layers: () => [separableConv2d({ ...dilated, inputShape, name: "c" }), ...head()],
    shape: inputShape,
    says: `layer 1, SeparableConv2D "c" cannot be trained on BACKEND: ${
      no("depthwiseConv2dNative")
    }`,
  },
  "conv3d, dilated": {
    layers: () => [conv3d({ ...dilated, inputShape: [4, 4, 4, 1], name: "d" }), ...head()],
    shape: [4, 4, 4, 1],
    says: `layer 1, Conv3D "d" cannot be trained on BACKEND: ${no("conv3D")}`,
  },
  "convLstm2d, dilated, in a model of its own": {
    layers: () => [
      tf.sequential({
        layers: [convLstm2d({ ...dilated, inputShape: [2, 8, 8, 1], name: "e" })],
      }),
      ...head(),
    ],
    shape: [2, 8, 8, 1],
    says: `layer 1, ConvLSTM2D "e" cannot be trained on BACKEND: ${no("conv2D")}`,
  },
  "batchNormalization without scale": {
    layers: () => [
      dense({ units: 2, inputShape: [2] }),
      tf.layers.batchNormalization({ scale: false, name: "f" }),
      dense({ units: 1 }),
    ],
    shape: [2],
    says: 'layer 2, BatchNormalization "f" cannot be ',
  },
  "a layer that the data do not fit": {
    layers: () => [dense({ units: 2, inputShape: [3], name: "g" }), dense({ units: 1 })],
    shape: [2],
    says: 'layer 1, Dense "g" cannot be computed on BACKEND: ',
  },
};

for (const backend of ["wasm", "cpu"] as const) {
  for (const [name, { layers, shape, says }] of Object.entries(UNTRAINABLE)) {
    Deno.test(`buildJob() names the layer that ${backend} cannot train: ${name}`, async () => {
      const { message } = await assertRejects(() => build(backend, layers, shape), Error);
      const expected = says.replace("BACKEND", backend);
      assertEquals(message.slice(0, expected.length), expected);
    });
  }
}

Deno.test("checkTrainable() leaves weights, statistics, states and tensors as they were", async () => {
  const layers = () => [
    tf.layers.simpleRNN({ units: 3, stateful: true, batchInputShape: [4, 5, 2] }),
    tf.layers.batchNormalization(),
    dense({ units: 1 }),
  ];
  const run = await build("wasm", layers, [5, 2]);
  const [mean, variance] = run.handle.weights.slice(-2);
  assertEquals([...mean!.variable.dataSync()], [0, 0, 0]);
  assertEquals([...variance!.variable.dataSync()], [1, 1, 1]);
  const [rnn] = (run.handle.model as tf.LayersModel).layers as tf.layers.RNN[];
  for (const state of rnn!.states as tf.Tensor[]) {
    assertEquals([...state.dataSync()].some(Boolean), false);
  }
  const { checkTrainable } = await import("../../runtime/training/check_trainable.ts");
  const before = tf.memory().numTensors;
  await checkTrainable(run);
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("a layer that cannot be trained is left alone when it is frozen, or trained by a step of one's own", async () => {
  const layers = (trainable: boolean) => () => [
    conv2d({ ...dilated, inputShape, trainable }),
    ...head(),
  ];
  assert(await build("wasm", layers(false), inputShape));
  assert(await build("wasm", layers(true), inputShape, { trainStep: () => ({ loss: 0 }) }));
});
