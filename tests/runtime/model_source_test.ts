import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { captureCheckpoint, saveCheckpoint } from "../../runtime/checkpoints/checkpoint.ts";
import { openDataFolder } from "../../runtime/data/data_folder.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { installSeededRandom } from "../../runtime/determinism/seeded_math_random.ts";
import {
  defineJob,
  type JobDefinition,
  loadWeights,
  modelFiles,
  tensorDataset,
} from "../../runtime/mod.ts";
import { buildJob } from "../../runtime/session/load_job.ts";
import { modelHandle } from "../../runtime/training/model_handle.ts";
import { trainLoop } from "../../runtime/training/train_loop.ts";
import type { TrainingRun } from "../../runtime/training/training_run.ts";
import { savedModel } from "../fixtures/saved_model.ts";

/** A job of any model that takes [2] and gives [1]. */
function job(model: JobDefinition["model"]): JobDefinition {
  return {
    model,
    optimizer: () => tf.train.sgd(0.1),
    loss: "meanSquaredError",
    data: () => ({ train: tensorDataset(tf.ones([8, 2]), tf.ones([8, 1])) }),
  };
}

const FACTORY = defineJob({
  ...job(() => network(1)),
  model: {
    args: { units: 3, name: "wide" },
    factory: ({ units, name }) => network(units, name),
  },
}).model;

function network(units: number, name = "hidden"): tf.LayersModel {
  return tf.sequential({
    layers: [
      tf.layers.dense({ units, inputShape: [2], name, activation: "tanh" }),
      tf.layers.batchNormalization(),
      tf.layers.dense({ units: 1 }),
    ],
  });
}

async function build(
  model: JobDefinition["model"],
  config: Record<string, unknown> = {},
  files: Record<string, Uint8Array> = {},
): Promise<TrainingRun> {
  await chooseBackend("cpu", 1);
  const random = installSeededRandom(keyedStream(0, "setup"));
  try {
    const { run } = await buildJob(job(model), {
      context: { config, membership_seed: null },
      random,
      log: () => {},
      file: (name) => {
        const bytes = files[name];
        return bytes ? Promise.resolve(bytes) : Promise.reject(new Error(`no file ${name}`));
      },
    });
    return run;
  } finally {
    random.uninstall();
  }
}

const weightsOf = (model: tf.LayersModel) =>
  model.getWeights().map((weight) => [weight.shape, ...weight.dataSync()]);
const shapeOf = (run: TrainingRun) => run.handle.weights[0]!.variable.shape;

Deno.test("a model by { factory, args } is made with the arguments that config gives", async () => {
  const plain = await build(FACTORY);
  assertEquals(shapeOf(plain), [2, 3]);
  assertEquals(plain.config.modelArgs, { units: 3, name: "wide" });
  const wider = await build(FACTORY, { model_args: { units: 5 } });
  assertEquals(shapeOf(wider), [2, 5]);
  assertEquals(wider.config.modelArgs, { units: 5, name: "wide" });
});

Deno.test("config.model_args that the module's model does not have is refused by its name", async () => {
  const refused = async (model: JobDefinition["model"], args: Record<string, unknown>) =>
    (await assertRejects(() => build(model, { model_args: args }), Error)).message;
  assertEquals(
    await refused(FACTORY, { depth: 2 }),
    "config.model_args: depth is no argument of the module's model; it has units, name",
  );
  assertEquals(
    await refused(FACTORY, { units: "3" }),
    "config.model_args: units must be a number, as in the module, not a string",
  );
  assertStringIncludes(await refused(() => network(1), { units: 2 }), "it has none");
});

Deno.test("a LayersModel is cloned with its weights and its frozen layers, and training leaves it as it is", async () => {
  await chooseBackend("cpu", 1);
  const live = network(4);
  live.layers[0]!.trainable = false;
  const before = weightsOf(live);
  const run = await build(live, { max_steps: 3 });
  const clone = run.handle.model as tf.LayersModel;
  assert(clone !== live);
  assertEquals(weightsOf(clone), before);
  assertEquals(run.handle.trainable.length, live.trainableWeights.length);
  await trainLoop(run, {
    onStep: () => {},
    onEpochEnd: () => Promise.resolve(),
    gate: () => "go on",
    checkpoint: () => {},
  });
  assertEquals(weightsOf(live), before);
  const trained = weightsOf(clone);
  assert(String(trained) !== String(before));
  assertEquals(weightsOf((await build(live)).handle.model as tf.LayersModel), before);
});

Deno.test("a LayersModel with a class that nobody registered is refused, with what to do", async () => {
  class Twice extends tf.layers.Layer {
    static className = "Twice";
    override call(inputs: tf.Tensor | tf.Tensor[]) {
      return tf.mul(Array.isArray(inputs) ? inputs[0]! : inputs, 2);
    }
  }
  await chooseBackend("cpu", 1);
  const live = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [2] }), new Twice({})],
  });
  const { message } = await assertRejects(() => build(live), Error);
  assertStringIncludes(message, "Twice");
  assertStringIncludes(message, "tf.serialization.registerClass");
});

Deno.test("modelFiles() brings a saved model with its weights, from a folder too", async () => {
  await chooseBackend("cpu", 1);
  const live = network(3);
  const files = await savedModel(live, "saved/");
  const run = await build(
    async (ctx) => await tf.loadLayersModel(modelFiles(ctx, "saved/model.json")),
    {},
    files,
  );
  assertEquals(weightsOf(run.handle.model as tf.LayersModel), weightsOf(live));
});

Deno.test("modelFiles() reads a model out of a dataset's folder", async () => {
  await chooseBackend("cpu", 1);
  const live = network(3);
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/resnet`);
  for (const [name, bytes] of Object.entries(await savedModel(live, "resnet/"))) {
    await Deno.writeFile(`${folder}/${name}`, bytes);
  }
  const dataset = await openDataFolder(folder, "pretrained");
  const model = await tf.loadLayersModel(modelFiles(dataset, "resnet/model.json"));
  assertEquals(weightsOf(model), weightsOf(live));
  const missing = await assertRejects(
    () => tf.loadLayersModel(modelFiles(dataset, "vgg/model.json")),
    Error,
  );
  assertStringIncludes(missing.message, 'pretrained has no file "vgg/model.json"');
  await Deno.remove(folder, { recursive: true });
});

Deno.test("modelFiles() names the file that is no model, is missing or is cut short", async () => {
  await chooseBackend("cpu", 1);
  const files = await savedModel(network(3));
  const refused = async (changes: Record<string, Uint8Array | undefined>) => {
    const given = { ...files, ...changes };
    const file = (name: string) =>
      given[name] ? Promise.resolve(given[name]) : Promise.reject(new Error(`no file ${name}`));
    const load = () => tf.loadLayersModel(modelFiles({ file }));
    return (await assertRejects(load, Error)).message;
  };
  const text = (value: string) => new TextEncoder().encode(value);
  assertEquals(await refused({ "model.json": text("hello") }), "model.json is no JSON");
  assertStringIncludes(await refused({ "model.json": text("{}") }), "no saved layers model");
  assertStringIncludes(
    await refused({ "model.json": text('{"format":"graph-model"}') }),
    "model.json is a graph model, which cannot be trained",
  );
  assertEquals(await refused({ "weights.bin": undefined }), "no file weights.bin");
  const cut = files["weights.bin"]!.subarray(0, 40);
  assertStringIncludes(await refused({ "weights.bin": cut }), "are 40 bytes; it names");
});

Deno.test("loadWeights() takes a checkpoint of a job as it is, all of it or nothing", async () => {
  await chooseBackend("cpu", 1);
  const live = network(3);
  const folder = await Deno.makeTempDir();
  const path = `${folder}/1.safetensors`;
  const parts = { handle: modelHandle(live), optimizer: null, indices: null, state: {} };
  await saveCheckpoint(path, captureCheckpoint(parts));
  const bytes = await Deno.readFile(path);
  await Deno.remove(folder, { recursive: true });
  assertEquals(weightsOf(await loadWeights(network(3), bytes)), weightsOf(live));
  const other = network(4);
  const before = weightsOf(other);
  const tensors = tf.memory().numTensors;
  const { message } = await assertRejects(() => loadWeights(other, bytes), Error);
  assertEquals(
    message,
    "the safetensors file: 0000/kernel is float32 [2,3]; weight 0000/kernel is float32 [2,4]",
  );
  assertEquals([weightsOf(other), tf.memory().numTensors], [before, tensors]);
  const renamed = { name: () => "fc.weight" };
  const missing = await assertRejects(() => loadWeights(network(3), bytes, renamed), Error);
  assertStringIncludes(missing.message, "has no tensor fc.weight for weight 0000/kernel; it has ");
});

Deno.test("defineJob: a model that is none of its forms is refused", async () => {
  const none = 3 as unknown as JobDefinition["model"];
  const { message } = await assertRejects(() => build(none), Error);
  assertStringIncludes(message, "model must be a function, { factory, args }, or a tf.LayersModel");
});
