import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";
import { trainConvNet } from "../fixtures/conv_net.ts";

/** Every optimizer of tf.train, by its name there, in the configurations that change its formula. */
const OPTIMIZERS: Record<string, (() => tf.Optimizer)[]> = {
  sgd: [() => tf.train.sgd(0.05)],
  momentum: [() => tf.train.momentum(0.02, 0.9), () => tf.train.momentum(0.02, 0.9, true)],
  adagrad: [() => tf.train.adagrad(0.05)],
  adadelta: [() => tf.train.adadelta(0.5, 0.9, 1e-6)],
  adam: [() => tf.train.adam(0.01)],
  adamax: [() => tf.train.adamax(0.01), () => tf.train.adamax(0.01, 0.9, 0.999, 1e-8, 0.1)],
  rmsprop: [
    () => tf.train.rmsprop(0.01),
    () => tf.train.rmsprop(0.01, 0.9, 0.5),
    () => tf.train.rmsprop(0.001, 0.9, 0.5, 1e-14, true),
  ],
};

Deno.test("OPTIMIZERS names every optimizer of tf.train", () => {
  assertEquals(Object.keys(OPTIMIZERS).toSorted(), Object.keys(tf.train).toSorted());
});

for (const [name, makers] of Object.entries(OPTIMIZERS)) {
  for (const [at, make] of makers.entries()) {
    Deno.test(`tf.train.${name}, case ${at}, moves a conv net's weights on wasm as on cpu`, async () => {
      await startWasm();
      const actual = trainConvNet(make());
      assertEquals(new Set(actual.buffers.slice(1)).size, 1, `buffers: ${actual.buffers}`);
      assertNotEquals(actual.losses.at(-1), actual.losses[0]);
      await tf.setBackend("cpu");
      const expected = trainConvNet(make());
      actual.losses.forEach((loss, step) => assertAlmostEquals(loss, expected.losses[step]!, 1e-4));
      actual.weights.forEach((values, weight) =>
        values.forEach((value, at) =>
          assertAlmostEquals(value, expected.weights[weight]![at]!, 1e-3)
        )
      );
    });
  }
}

Deno.test("a conv net trains to the same bits on wasm in every process", async () => {
  const digest = async () => {
    const { success, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", new URL("../fixtures/wasm_training_digest.ts", import.meta.url).pathname],
      stderr: "inherit",
    }).output();
    assert(success);
    return new TextDecoder().decode(stdout).trim().split("\n").at(-1)!;
  };
  const first = await digest();
  assertMatch(first, /^[0-9a-f]{64}$/);
  assertEquals(await digest(), first);
});
