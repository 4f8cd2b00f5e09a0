import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "@std/path";
import {
  createBinding,
  type TensorFlowBinding,
} from "../../runtime/backends/tensorflow/binding.ts";
import { openLibrary, TensorFlowLibraryError } from "../../runtime/backends/tensorflow/c_api.ts";
import { TensorFlowError } from "../../runtime/backends/tensorflow/status.ts";
import {
  foreignLibrary,
  quietTensorFlow,
  tensorFlowForTests,
} from "../fixtures/tensorflow_library.ts";

const installed = await tensorFlowForTests();
const linux = Deno.build.os === "linux";

/** The binding of this process, made once: TensorFlow takes its threads from the first. */
const binding = ((): () => TensorFlowBinding => {
  let made: TensorFlowBinding | undefined;
  return () => {
    quietTensorFlow();
    return made ??= createBinding(openLibrary(installed!.path), 1);
  };
})();

function testOnTensorFlow(name: string, test: (tf: TensorFlowBinding) => void): void {
  Deno.test({
    name,
    ignore: installed === null,
    fn: () => {
      const before = binding().getNumOfTensors();
      test(binding());
      assertEquals(binding().getNumOfTensors(), before, "tensors are left");
    },
  });
}

Deno.test("openLibrary() says which file is not there", () => {
  const error: Error = assertThrows(
    () => openLibrary("/nowhere/libtensorflow.so.2"),
    TensorFlowLibraryError,
  );
  assertStringIncludes(error.message, "/nowhere/libtensorflow.so.2 cannot be loaded");
});

Deno.test({
  name: "openLibrary() refuses a library without the eager C API and names what it misses",
  ignore: !linux,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    await foreignLibrary(folder);
    const path = join(folder, "libtensorflow_cc.so.2");
    const error: Error = assertThrows(() => openLibrary(path), TensorFlowLibraryError);
    assertStringIncludes(error.message, "has no eager C API of TensorFlow");
    assertStringIncludes(error.message, "undefined symbol: TF");
    await Deno.remove(folder, { recursive: true });
  },
});

testOnTensorFlow("createTensor() keeps the values of every type that training has", (tf) => {
  const cases: [number, number[], ArrayLike<number>][] = [
    [tf.TF_FLOAT, [2, 2], Float32Array.of(1.5, -2, NaN, Infinity)],
    [tf.TF_INT32, [3], Int32Array.of(-1, 0, 2 ** 31 - 1)],
    [tf.TF_BOOL, [2], Uint8Array.of(1, 0)],
    [tf.TF_COMPLEX64, [1], Float32Array.of(1, -1)],
    [tf.TF_FLOAT, [], [3]],
    [tf.TF_FLOAT, [0, 4], new Float32Array(0)],
  ];
  for (const [dtype, shape, values] of cases) {
    const id = tf.createTensor(shape, dtype, values as Float32Array);
    assertEquals(Array.from(tf.tensorDataSync(id)), Array.from(values));
    tf.deleteTensor(id);
  }
});

testOnTensorFlow("createTensor() refuses values that do not fill the shape", (tf) => {
  const create = () => tf.createTensor([2, 3], tf.TF_FLOAT, new Float32Array(5));
  const error: Error = assertThrows(create, RangeError);
  assertEquals(error.message, "a float32 tensor of shape [2,3] takes 24 bytes, not 20");
});

testOnTensorFlow("createTensor() refuses strings, which it does not compute with", (tf) => {
  assertThrows(() => tf.createTensor([1], tf.TF_STRING, [] as never), TypeError, "TF_STRING");
});

testOnTensorFlow("executeOp() throws TensorFlow's message with the name of the op", (tf) => {
  const T = { name: "T", type: tf.TF_ATTR_TYPE, value: tf.TF_FLOAT };
  const flags = ["transpose_a", "transpose_b"].map((name) => (
    { name, type: tf.TF_ATTR_BOOL, value: false }
  ));
  const a = tf.createTensor([2, 3], tf.TF_FLOAT, new Float32Array(6));
  const error: TensorFlowError = assertThrows(
    () => tf.executeOp("MatMul", [T, ...flags], [a, a], 1),
    TensorFlowError,
  );
  assertStringIncludes(error.message, "MatMul: ");
  assertStringIncludes(error.detail, "Matrix size-incompatible: In[0]: [2,3], In[1]: [2,3]");
  assertEquals([error.operation, error.code], ["MatMul", 3]);
  tf.deleteTensor(a);
});

testOnTensorFlow("executeOp() names an op that TensorFlow does not have", (tf) => {
  assertThrows(() => tf.executeOp("NoSuchOp", [], [], 1), TensorFlowError, "NoSuchOp");
});

testOnTensorFlow("executeOp() answers every output with its shape and type", (tf) => {
  const values = tf.createTensor([4], tf.TF_FLOAT, Float32Array.of(3, 1, 4, 1.5));
  const k = tf.createTensor([], tf.TF_INT32, Int32Array.of(2));
  const outputs = tf.executeOp(
    "TopKV2",
    [
      { name: "sorted", type: tf.TF_ATTR_BOOL, value: true },
      { name: "T", type: tf.TF_ATTR_TYPE, value: tf.TF_FLOAT },
    ],
    [values, k],
    2,
  );
  assertEquals(outputs.map(({ shape, dtype }) => ({ shape, dtype })), [
    { shape: [2], dtype: tf.TF_FLOAT },
    { shape: [2], dtype: tf.TF_INT32 },
  ]);
  assertEquals(outputs.map(({ id }) => Array.from(tf.tensorDataSync(id))), [[4, 3], [2, 0]]);
  for (const id of [values, k, ...outputs.map(({ id }) => id)]) tf.deleteTensor(id);
});

testOnTensorFlow("executeOp() refuses a tensor that was deleted", (tf) => {
  const id = tf.createTensor([], tf.TF_FLOAT, Float32Array.of(1));
  tf.deleteTensor(id);
  tf.deleteTensor(id);
  assertThrows(() => tf.executeOp("Neg", [], [id], 1), RangeError, `no tensor ${id}`);
});

testOnTensorFlow("executeOp() refuses attributes that no kernel has", (tf) => {
  const shape = { name: "shape", type: tf.TF_ATTR_SHAPE, value: [1] };
  assertThrows(() => tf.executeOp("Neg", [shape], [], 1), TypeError, "attribute shape");
});

testOnTensorFlow("TF_Version is the one that was installed", (tf) => {
  assertEquals(tf.TF_Version, installed?.version);
  assert(tf.TF_Version.startsWith("2."));
});
