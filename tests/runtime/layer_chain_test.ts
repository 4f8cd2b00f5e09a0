import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { installSeededRandom } from "../../runtime/determinism/seeded_math_random.ts";
import { LayerChain } from "../../runtime/training/layer_chain.ts";
import { modelHandle } from "../../runtime/training/model_handle.ts";
import { LAYER_CASES, type LayerCase } from "../fixtures/layer_cases.ts";

function inputFor({ indices }: LayerCase, shape: number[]): tf.Tensor {
  const size = tf.util.sizeFromShape(shape);
  const value = (at: number) => indices === undefined ? Math.sin(at * 1.7) : (at * 7) % indices;
  return tf.tensor(Float32Array.from({ length: size }, (_, at) => value(at)), shape);
}

Deno.test("LayerChain gives the bits of model.apply() in training, for every layer it fits", async (t) => {
  await startWasm();
  const random = installSeededRandom(keyedStream(0, "setup"));
  let fitting = 0;
  for (const [name, cases] of Object.entries(LAYER_CASES)) {
    // It draws widths from a generator of its own: no two calls are alike.
    if (typeof cases === "string" || name === "randomWidth") continue;
    for (const [at, given] of cases.entries()) {
      if (given.inputs.length > 1) continue;
      await t.step(`${name}, case ${at}`, () => {
        const [batch, ...axes] = given.inputs[0]!;
        const layers = [tf.layers.inputLayer({ inputShape: axes }), given.layer()];
        const model = tf.sequential({ layers });
        if (!LayerChain.fits(model)) return;
        const xs = inputFor(given, [batch!, ...axes]);
        if (!takes(model, xs)) return;
        const chain = new LayerChain(model);
        fitting++;
        const values = (apply: (xs: tf.Tensor) => tf.Tensor, xs: tf.Tensor) => {
          random.rekey(keyedStream(1, "step"));
          return tf.tidy(() => apply(xs).dataSync().slice());
        };
        for (let time = 0; time < 3; time++) {
          const before = stateOf(model);
          const actual = values((input) => chain.apply(input), xs);
          restore(model, before);
          const expected = values(
            (input) => model.apply(input, { training: true }) as tf.Tensor,
            xs,
          );
          assertEquals(actual, expected);
        }
        xs.dispose();
        model.dispose();
      });
    }
  }
  random.uninstall();
  assert(fitting > 50, `only ${fitting} fit`);
});

Deno.test("LayerChain.fits() no model with masks, branches or models within", () => {
  const embedding = tf.layers.embedding({ inputDim: 5, outputDim: 3, maskZero: true });
  const masked = tf.sequential({
    layers: [tf.layers.inputLayer({ inputShape: [4] }), embedding],
  });
  const dense = tf.layers.dense({ inputShape: [2], units: 2 });
  const plain = tf.sequential({ layers: [dense] });
  const nested = tf.sequential({ layers: [plain] });
  const functional = tf.model({ inputs: plain.inputs, outputs: plain.outputs });
  assertEquals(
    [plain, masked, nested, functional].map((model) => LayerChain.fits(model)),
    [true, false, false, false],
  );
});

Deno.test("a batch of other axes is checked by the model, after one that it took", () => {
  const model = tf.sequential({ layers: [tf.layers.dense({ inputShape: [2], units: 1 })] });
  const handle = modelHandle(model);
  tf.tidy(() => {
    handle.apply(tf.ones([3, 2]), true);
    handle.apply(tf.ones([5, 2]), true);
    let message = "";
    try {
      handle.apply(tf.ones([3, 4]), true);
    } catch (error) {
      message = (error as Error).message;
    }
    assert(message.includes("expected"), message);
  });
  handle.dispose();
});

/** Some of TensorFlow.js's layers fail on wasm whoever applies them. */
function takes(model: tf.LayersModel, xs: tf.Tensor): boolean {
  try {
    tf.tidy(() => void model.apply(xs, { training: true }));
    return true;
  } catch {
    return false;
  }
}

/** What training changes by the way: batch normalization's statistics. */
function stateOf(model: tf.LayersModel): tf.Tensor[] {
  return model.getWeights().map((weight) => tf.clone(weight));
}

function restore(model: tf.LayersModel, weights: tf.Tensor[]): void {
  model.setWeights(weights);
  tf.dispose(weights);
}
