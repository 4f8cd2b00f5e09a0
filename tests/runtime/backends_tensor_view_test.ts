import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { readValues } from "../../runtime/backends/tensor_view.ts";
import { startWasm } from "../../runtime/backends/wasm/start.ts";

async function start(backend: "wasm" | "cpu"): Promise<void> {
  if (backend === "wasm") await startWasm();
  else await tf.setBackend("cpu");
}

for (const backend of ["wasm", "cpu"] as const) {
  Deno.test(`readValues() reads every numeric dtype on ${backend}`, async () => {
    await start(backend);
    tf.tidy(() => {
      assertEquals(readValues(tf.tensor2d([[1, 2.5], [3, 4]])), Float32Array.of(1, 2.5, 3, 4));
      assertEquals(readValues(tf.tensor1d([1, -2], "int32")), Int32Array.of(1, -2));
      assertEquals(readValues(tf.tensor1d([true, false], "bool")), Uint8Array.of(1, 0));
      assertEquals(readValues(tf.variable(tf.scalar(7))), Float32Array.of(7));
      assertEquals(readValues(tf.reshape(tf.tensor1d([1, 2]), [2, 1])), Float32Array.of(1, 2));
    });
  });

  Deno.test(`readValues() makes no copy on ${backend}`, async () => {
    await start(backend);
    const tensor = tf.tensor1d([1, 2]);
    assertEquals(readValues(tensor).buffer === readValues(tensor).buffer, true);
    tensor.dispose();
  });

  Deno.test(`readValues() refuses strings on ${backend}`, async () => {
    await start(backend);
    tf.tidy(() => assertThrows(() => readValues(tf.tensor1d(["a"])), TypeError, "string"));
  });
}

Deno.test("readValues() reads a tensor that another backend made", async () => {
  await start("cpu");
  const tensor = tf.tensor1d([1, 2]);
  await start("wasm");
  assertEquals([...readValues(tensor)], [1, 2]);
  tensor.dispose();
});
