import { assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";
import { LAYER_CASES } from "../fixtures/layer_cases.ts";
import { testLayersOn } from "../fixtures/layer_comparison.ts";
import { filled } from "../fixtures/layer_gradients.ts";

Deno.test("LAYER_CASES names every layer of tf.layers", () => {
  assertEquals(Object.keys(LAYER_CASES).toSorted(), Object.keys(tf.layers).toSorted());
});

testLayersOn("wasm", startWasm);

Deno.test("tf.layers.batchNormalization of the first axis equals that of the last on wasm", async () => {
  await startWasm();
  const values = (axis: number) =>
    tf.tidy(() => {
      const swap = axis === 1 ? [0, 3, 1, 2] : [0, 1, 2, 3];
      const x = tf.transpose(filled([3, 4, 5, 2], 0.2), swap);
      const layer = tf.layers.batchNormalization({ axis });
      const y = layer.apply(x, { training: true }) as tf.Tensor;
      const back = tf.transpose(y, axis === 1 ? [0, 2, 3, 1] : [0, 1, 2, 3]).dataSync();
      layer.dispose();
      return back;
    });
  const expected = values(3);
  values(1).forEach((value: number, at: number) => assertAlmostEquals(value, expected[at]!, 1e-5));
});
