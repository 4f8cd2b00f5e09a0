import { assertEquals, assertNotEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { installSeededRandom } from "../../runtime/determinism/seeded_math_random.ts";

Deno.test("installSeededRandom() makes Math.random draw from the stream until uninstalled", () => {
  const original = Math.random;
  const seeded = installSeededRandom(keyedStream(1, "init"));
  const expected = keyedStream(1, "init");
  assertEquals([Math.random(), Math.random()], [expected.next(), expected.next()]);
  seeded.uninstall();
  assertEquals(Math.random, original);
});

Deno.test("rekey() repeats a phase's draws whatever was drawn in between", () => {
  const seeded = installSeededRandom(keyedStream(1, "init"));
  try {
    seeded.rekey(keyedStream(1, "step", 8));
    const undisturbed = [Math.random(), Math.random()];
    seeded.rekey(keyedStream(1, "evaluate", 8));
    for (let draw = 0; draw < 10; draw++) Math.random();
    seeded.rekey(keyedStream(1, "step", 8));
    assertEquals([Math.random(), Math.random()], undisturbed);
  } finally {
    seeded.uninstall();
  }
});

Deno.test("rekey() repeats TensorFlow.js's own initializers and dropout", async () => {
  await startWasm();
  const seeded = installSeededRandom(keyedStream(1, "init"));
  const draw = () => {
    seeded.rekey(keyedStream(1, "init"));
    return tf.tidy(() => {
      const layer = tf.layers.dense({ units: 4, inputShape: [3] });
      const kernel = tf.sequential({ layers: [layer] }).getWeights()[0]!;
      return [...kernel.dataSync(), ...tf.dropout(tf.ones([32]), 0.5).dataSync()];
    });
  };
  try {
    assertEquals(draw(), draw());
  } finally {
    seeded.uninstall();
  }
});

Deno.test("installSeededRandom() leaves crypto alone", () => {
  const seeded = installSeededRandom(keyedStream(1, "init"));
  try {
    assertNotEquals(crypto.randomUUID(), crypto.randomUUID());
  } finally {
    seeded.uninstall();
  }
});
