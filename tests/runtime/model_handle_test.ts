import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import type { Model } from "../../runtime/job_definition.ts";
import { modelHandle } from "../../runtime/training/model_handle.ts";

Deno.test("modelHandle() leaves frozen layers out of what is trained, however they were frozen", () => {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [2], units: 3, trainable: false }),
      tf.layers.dense({ units: 4 }),
      tf.layers.dense({ units: 5 }),
    ],
  });
  model.layers[1]!.trainable = false;
  const handle = modelHandle(model);
  assertEquals(handle.weights.length, 6);
  assertEquals(handle.trainable.map(({ shape }) => shape), [[4, 5], [5]]);
  handle.dispose();
});

Deno.test("modelHandle() names what an apply-able model lacks", () => {
  const xs = tf.ones([2, 2]);
  const weight = tf.variable(tf.scalar(1));
  const broken = (model: unknown) => modelHandle(model as Model);
  assertThrows(() => broken(undefined), TypeError, "must return a tf.LayersModel");
  assertThrows(
    () => broken({ apply: () => xs, weights: [weight, xs] }),
    TypeError,
    "weights[1] of model() is no tf.variable()",
  );
  for (const answer of [3, undefined, Promise.resolve(xs)]) {
    const handle = broken({ apply: () => answer, weights: [weight] });
    assertThrows(() => handle.apply(xs, true), TypeError, "must return a tensor");
  }
  tf.dispose([xs, weight]);
});
