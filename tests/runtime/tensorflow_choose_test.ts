import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { quietTensorFlow, tensorFlowForTests } from "../fixtures/tensorflow_library.ts";

const installed = await tensorFlowForTests();
const there = { library: installed?.path ?? null, reason: "for the test" };
const missing = { library: null, reason: "it is not there" };
const broken = { library: "/nowhere/libtensorflow.so.2", reason: "for the test" };

Deno.test("chooseBackend() never replaces tensorflow when it was asked for", async () => {
  for (const library of [missing, broken]) {
    const choose = () => chooseBackend("tensorflow", 1, library);
    await assertRejects(choose, Error, "tensorflow cannot be used: ");
  }
});

Deno.test("chooseBackend() says why auto is not tensorflow", async () => {
  const { name, reason } = await chooseBackend("auto", 1, missing);
  assertEquals(name, "wasm");
  assertEquals(reason, "wasm is the fastest here (tensorflow cannot be used: it is not there)");
});

Deno.test("chooseBackend() falls back loudly when a library that is there does not load", async () => {
  const { name, reason } = await chooseBackend("auto", 1, broken);
  assertEquals(name, "wasm");
  assertStringIncludes(reason, "FALLBACK: tensorflow cannot be used: /nowhere/libtensorflow.so.2");
});

Deno.test({
  name: "chooseBackend() takes tensorflow for auto where its library is, and says what repeats",
  ignore: installed === null,
  fn: async () => {
    quietTensorFlow();
    const { name, reason, determinism, version } = await chooseBackend("auto", 1, there);
    assertEquals([name, determinism, version], ["tensorflow", "same_machine", installed!.version]);
    assertEquals(reason, `tensorflow ${installed!.version} is there; 1 thread`);
    assertEquals(tf.getBackend(), "tensorflow");
  },
});
