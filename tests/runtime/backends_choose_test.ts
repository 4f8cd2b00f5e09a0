import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import process from "node:process";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { BackendSelfTestError, selfTest } from "../../runtime/backends/self_test.ts";

/** Runs `body` while a wasm kernel answers zeros. */
async function withBrokenKernel(kernelName: string, body: () => Promise<void>): Promise<void> {
  const kernel = tf.getKernel(kernelName, "wasm");
  tf.unregisterKernel(kernelName, "wasm");
  tf.registerKernel({
    ...kernel,
    kernelFunc: (args) => {
      const made = kernel.kernelFunc(args) as tf.TensorInfo;
      const { backend } = args as unknown as {
        backend: { typedArrayFromHeap(info: tf.TensorInfo): Float32Array };
      };
      backend.typedArrayFromHeap(made).fill(0);
      return made;
    },
  });
  try {
    await body();
  } finally {
    tf.unregisterKernel(kernelName, "wasm");
    tf.registerKernel(kernel);
  }
}

Deno.test("chooseBackend() takes wasm for auto and leaves no tensor behind", async () => {
  const chosen = await chooseBackend("auto", 1);
  assertEquals([chosen.name, chosen.determinism, tf.getBackend()], ["wasm", "exact", "wasm"]);
  assertEquals(tf.memory().numTensors, 0);
});

Deno.test("chooseBackend() says that wasm uses one of several threads", async () => {
  assertStringIncludes((await chooseBackend("wasm", 4)).reason, "one of 4 threads");
});

Deno.test("chooseBackend() takes cpu when asked", async () => {
  const chosen = await chooseBackend("cpu", 1);
  assertEquals([chosen.name, tf.getBackend()], ["cpu", "cpu"]);
  assertStringIncludes(chosen.reason, "asked for");
});

Deno.test("chooseBackend() leaves no listener for the process's errors", async () => {
  await chooseBackend("auto", 1);
  assertEquals(process.listenerCount("uncaughtException"), 0);
  assertEquals(process.listenerCount("unhandledRejection"), 0);
});

for (const kernelName of ["BatchMatMul", "_FusedMatMul", "Sum", "Max", "Sqrt"]) {
  Deno.test(`selfTest() finds that ${kernelName} is broken`, async () => {
    await chooseBackend("wasm", 1);
    selfTest();
    await withBrokenKernel(kernelName, async () => {
      await Promise.resolve();
      const fault = assertThrows(() => selfTest(), BackendSelfTestError) as Error;
      assertStringIncludes(fault.message, "on wasm: expected [");
    });
    selfTest();
  });
}

Deno.test("chooseBackend() falls back to cpu and says why when wasm computes wrongly", async () => {
  await chooseBackend("wasm", 1);
  await withBrokenKernel("Sum", async () => {
    const chosen = await chooseBackend("auto", 1);
    assertEquals([chosen.name, tf.getBackend()], ["cpu", "cpu"]);
    assertStringIncludes(chosen.reason, "FALLBACK to cpu");
    assertStringIncludes(chosen.reason, "sums and maxima on wasm");
  });
});

Deno.test("chooseBackend() needs no permission but to read the runtime and its packages", async () => {
  const root = new URL("../../", import.meta.url);
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--no-remote",
      "--cached-only",
      "--allow-read=runtime,node_modules",
      "tests/fixtures/choose_backend.ts",
    ],
    cwd: root,
  }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  assertEquals([success, new TextDecoder().decode(stdout)], [true, "wasm 3\n"]);
});
