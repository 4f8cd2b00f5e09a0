/** Every source of a model, on a real server: what comes of it in forks, merges and other jobs. */
import { assert, assertEquals } from "@std/assert";
import { ServerProcess } from "../fixtures/server_process.ts";

/** A job of a model of two dense layers, however the model is given. */
function moduleWith(model: string): string {
  return `import { defineJob, loadWeights, modelFiles, tensorDataset } from "onthefly";
import * as tf from "@tensorflow/tfjs";
const network = (units: number, rate: number) => tf.sequential({
  layers: [
    tf.layers.dense({ units, inputShape: [2], activation: "tanh" }),
    tf.layers.dropout({ rate }),
    tf.layers.dense({ units: 1 }),
  ],
});
void [loadWeights, modelFiles];
export default defineJob({
  config: { maxSteps: 20, maxEpochs: 100, batchSize: 8, seed: 5 },
  model: ${model},
  optimizer: () => tf.train.adam(0.01),
  loss: "meanSquaredError",
  data: () => {
    const xs = tf.randomNormal<tf.Rank.R2>([64, 2]);
    return { train: tensorDataset(xs, tf.sum(xs, 1, true)) };
  },
});
`;
}

type Body = Record<string, unknown>;

async function completed(server: ServerProcess, call: Promise<{ status: number; body: Body }>) {
  const { status, body } = await call;
  assertEquals(status, 201, JSON.stringify(body));
  return await server.state(String(body["id"]), "completed", "parked", "failed");
}

const submit = (server: ServerProcess, model: string, more: Body = {}) =>
  completed(server, server.call("POST", "/jobs", { module: moduleWith(model), ...more }));

/** A checkpoint's file; the first is from before the first step. */
async function checkpoint(server: ServerProcess, job: unknown, number = 1): Promise<Uint8Array> {
  return await (await fetch(`${server.url}/jobs/${job}/checkpoints/${number}`)).bytes();
}

/** The bytes of the tensors, the header and its counters left out. */
function tensorsOf(file: Uint8Array): string {
  const header = Number(new DataView(file.buffer).getBigUint64(0, true));
  return file.subarray(8 + header).toHex();
}

async function family(server: ServerProcess, parent: Body, config: Body = {}) {
  const selection = { kind: "all" };
  const fork = await completed(
    server,
    server.call("POST", `/jobs/${parent["id"]}/fork`, { selection, config }),
  );
  const merge = await completed(
    server,
    server.call("POST", `/jobs/${parent["id"]}/merge`, { with: [fork["id"]], strategy: "swa" }),
  );
  return { fork, merge };
}

Deno.test("models of every source train, fork and merge", async (t) => {
  await using server = await ServerProcess.start();
  const factory =
    "{ args: { units: 4, rate: 0.1 }, factory: (args) => network(args.units, args.rate) }";
  const state = (manifest: Body) => [manifest["state"], manifest["error"]];
  const args = (manifest: Body) => (manifest["config"] as Body)["model_args"];

  await t.step("a factory, whose arguments a submission and a fork set one by one", async () => {
    const root = await submit(server, factory, { config: { model_args: { units: 6 } } });
    assertEquals([...state(root), args(root)], ["completed", null, { units: 6, rate: 0.1 }]);
    const { fork, merge } = await family(server, root, { model_args: { rate: 0.5 } });
    assertEquals([...state(fork), args(fork)], ["completed", null, { units: 6, rate: 0.5 }]);
    assertEquals([...state(merge), args(merge)], ["parked", null, { units: 6, rate: 0.1 }]);
  });
  await t.step("a LayersModel, which each job clones with the same weights", async () => {
    const [first, second] = [
      await submit(server, "network(4, 0.1)"),
      await submit(server, "network(4, 0.1)", { config: { seed: 6 } }),
    ];
    assertEquals(state(first), ["completed", null]);
    const [one, other] = [
      await checkpoint(server, first["id"]),
      await checkpoint(server, second["id"]),
    ];
    assertEquals(tensorsOf(one), tensorsOf(other));
    const { fork, merge } = await family(server, first);
    assertEquals([state(fork), state(merge)], [["completed", null], ["parked", null]]);
  });
  await t.step("safetensors: a checkpoint of another job, posted as a file", async () => {
    const root = await submit(server, factory);
    const bytes = await checkpoint(server, root["id"], 2);
    const again = await submit(
      server,
      'async (ctx) => await loadWeights(network(4, 0), await ctx.open("parent.safetensors"))',
      { files: { "parent.safetensors": bytes.toBase64() } },
    );
    assertEquals(state(again), ["completed", null]);
    assertEquals(weightsOf(await checkpoint(server, again["id"])), weightsOf(bytes));
  });
  await t.step("model.json and its weights, posted as files", async () => {
    const weights = new Float32Array([1, -1]);
    const model = {
      modelTopology: {
        class_name: "Sequential",
        config: {
          name: "saved",
          layers: [{
            class_name: "Dense",
            config: { name: "only", units: 1, use_bias: false, batch_input_shape: [null, 2] },
          }],
        },
      },
      weightsManifest: [{
        paths: ["weights.bin"],
        weights: [{ name: "only/kernel", shape: [2, 1], dtype: "float32" }],
      }],
    };
    const job = await submit(server, '(ctx) => tf.loadLayersModel(modelFiles(ctx, "model.json"))', {
      files: {
        "model.json": new TextEncoder().encode(JSON.stringify(model)).toBase64(),
        "weights.bin": new Uint8Array(weights.buffer).toBase64(),
      },
    });
    assertEquals(state(job), ["completed", null]);
    assertEquals(weightsOf(await checkpoint(server, job["id"])), [[1, -1]]);
    const { fork, merge } = await family(server, job);
    assertEquals([state(fork), state(merge)], [["completed", null], ["parked", null]]);
  });
});

/** The values of the tensors that are weights, in order. */
function weightsOf(file: Uint8Array): number[][] {
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const names = Object.keys(header).filter((name) => /^\d+\//.test(name)).sort();
  assert(names.length > 0);
  return names.map((name) => {
    const [begin, end] = header[name]!.data_offsets;
    return [...new Float32Array(file.slice(8 + length + begin, 8 + length + end).buffer)];
  });
}
