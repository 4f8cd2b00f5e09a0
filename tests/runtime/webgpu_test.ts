import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { assertStringIncludes } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { describe } from "../../runtime/backends/webgpu/adapter.ts";
import { l2Norm } from "../../runtime/training/norms.ts";
import { trainConvNet } from "../fixtures/conv_net.ts";
import { webGpuForTests } from "../fixtures/webgpu_adapter.ts";

const adapter = await webGpuForTests();
const noLibrary = { library: null, reason: "it is not there" };

function testOnWebGpu(name: string, test: () => void | Promise<void>): void {
  Deno.test({
    name,
    ignore: adapter === null,
    fn: async () => {
      await chooseBackend("webgpu", 1);
      await test();
    },
  });
}

Deno.test("describe() tells software that poses as a GPU from a GPU", () => {
  const software = (description: string, isFallbackAdapter = false) =>
    describe({ description, vendor: "", isFallbackAdapter }).software;
  assertEquals(software("NVIDIA L4"), false);
  assertEquals(software("AMD Radeon RX 7900 XTX (RADV NAVI31)"), false);
  assertEquals(software("llvmpipe (LLVM 15.0.6, 256 bits)"), true);
  assertEquals(software("SwiftShader Device (Subzero)"), true);
  assertEquals(software("Microsoft Basic Render Driver"), true);
  assertEquals(software("a GPU that says so itself", true), true);
  assertEquals(describe({ description: "", vendor: "0x10de" }).name, "a GPU of vendor 0x10de");
});

Deno.test("chooseBackend() never replaces webgpu when it was asked for", async () => {
  const none = { adapter: null, reason: "no adapter answers" };
  const choose = () => chooseBackend("webgpu", 1, noLibrary, none);
  await assertRejects(choose, Error, "webgpu cannot be used: no adapter answers");
});

Deno.test("chooseBackend() says why auto is neither tensorflow nor webgpu", async () => {
  const none = { adapter: null, reason: "there is no GPU" };
  const { name, reason } = await chooseBackend("auto", 1, noLibrary, none);
  assertEquals(name, "wasm");
  assertEquals(
    reason,
    "wasm is the fastest here (tensorflow cannot be used: it is not there; " +
      "webgpu cannot be used: there is no GPU)",
  );
});

testOnWebGpu("chooseBackend() takes webgpu by name, and promises no bits", async () => {
  const { name, reason, determinism, version } = await chooseBackend("webgpu", 1);
  assertEquals([name, determinism, version], ["webgpu", "none", adapter]);
  assertStringIncludes(reason, `webgpu on ${adapter}`);
  assertStringIncludes(reason, "was asked for");
});

testOnWebGpu("chooseBackend() takes no software for a GPU by itself", async () => {
  const found = { adapter, reason: "for the test" };
  const { name, reason } = await chooseBackend("auto", 1, noLibrary, found);
  if (name === "webgpu") return console.log(`not tried: ${adapter} is hardware`);
  assertStringIncludes(reason, "takes the place of webgpu. FALLBACK: ");
  assertStringIncludes(reason, `${adapter} is software, slower than wasm`);
});

testOnWebGpu("webgpu reads values of every kind at once, and large ones in parts", () => {
  tf.tidy(() => {
    const large = tf.add(tf.range(0, 2_500_003), 1).dataSync();
    for (const at of [0, 1_048_575, 1_048_576, 2_500_002]) assertEquals(large[at], at + 1);
    assertEquals([...tf.logicalNot(tf.tensor1d([1, 0, 1], "bool")).dataSync()], [0, 1, 0]);
    const squares = tf.square(tf.range(0, 2_000, 1, "int32"));
    assertEquals([...squares.dataSync().slice(-2)], [1_998 ** 2, 1_999 ** 2]);
    assertEquals([...tf.complex([1, 2], [3, 4]).dataSync()], [1, 3, 2, 4]);
  });
});

testOnWebGpu("webgpu gives through a promise what it gives at once", async () => {
  const doubled = tf.tidy(() => tf.mul(tf.ones([60, 60]), 2));
  assertEquals(await doubled.data(), doubled.dataSync());
  doubled.dispose();
});

testOnWebGpu("l2Norm() is summed up on the GPU", () => {
  const tensors = tf.tidy(() => [tf.fill([50, 50], 3), tf.fill([7], -4), tf.scalar(2)]);
  assertAlmostEquals(l2Norm(tensors), Math.sqrt(2_500 * 9 + 7 * 16 + 4), 1e-3);
  tf.dispose(tensors);
});

testOnWebGpu("webgpu trains a conv net as cpu does, in memory that stays flat", async () => {
  const gpu = trainConvNet(tf.train.adam(0.01));
  await chooseBackend("cpu", 1);
  const cpu = trainConvNet(tf.train.adam(0.01));
  for (const [step, loss] of gpu.losses.entries()) {
    assertAlmostEquals(loss, cpu.losses[step]!, 1e-4);
  }
  for (const [at, weights] of gpu.weights.entries()) {
    weights.forEach((value, index) => assertAlmostEquals(value, cpu.weights[at]![index]!, 1e-3));
  }
  assert(cpu.losses.at(-1)! < cpu.losses[0]!);
  assertEquals(new Set(gpu.buffers.slice(1)).size, 1, `${gpu.buffers}`);
});

testOnWebGpu("webgpu refuses a tensor that the GPU cannot hold in one piece", () => {
  const before = tf.engine().backend.numDataIds();
  const fill = () => tf.tidy(() => tf.fill([1 << 17, 1 << 17], 1));
  assertThrows(fill, Error, "a tensor of shape [131072,131072] takes 68719476736 bytes;");
  assertEquals(tf.engine().backend.numDataIds() - before <= 1, true);
});

testOnWebGpu("webgpu tells what went wrong on the GPU where its values are read", async () => {
  const backend = tf.backend() as unknown as { device: GPUDevice };
  const error = new Error("for the test: out of memory");
  // What a driver reports; there is no sure way to have a real one run out of memory.
  const event = Object.assign(new Event("uncapturederror"), { error });
  backend.device.dispatchEvent(event);
  const read = () => tf.tidy(() => tf.mul(tf.ones([60, 60]), 2).dataSync());
  assertThrows(read, Error, "the GPU failed: for the test: out of memory");
  await tf.setBackend("cpu");
  tf.removeBackend("webgpu");
});
