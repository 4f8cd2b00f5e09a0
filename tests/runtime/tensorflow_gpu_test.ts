import { assertEquals, assertRejects } from "@std/assert";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { sessionConfig } from "../../runtime/backends/tensorflow/context.ts";
import { quietTensorFlow, tensorFlowForTests } from "../fixtures/tensorflow_library.ts";

const installed = await tensorFlowForTests();
const gpu = { name: "a GPU that is not there", fraction: 0.45 };

Deno.test("sessionConfig() says in protobuf how much of a GPU may be taken, as it is needed", () => {
  const threads = [0x10, 3, 0x28, 1];
  assertEquals([...sessionConfig(3, null)], threads);
  // gpu_options { per_process_gpu_memory_fraction: 0.5 allow_growth: true }
  const options = [0x32, 11, 0x09, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f, 0x20, 1];
  assertEquals([...sessionConfig(3, 0.5)], [...threads, ...options]);
});

for (const wanted of ["tensorflow", "auto"] as const) {
  Deno.test({
    name: `chooseBackend(${wanted}) does not compute on the processor where a GPU was given`,
    ignore: installed === null,
    fn: async () => {
      quietTensorFlow();
      const there = { library: installed!.path, reason: "for the test", gpu };
      await assertRejects(
        () => chooseBackend(wanted, 1, there),
        Error,
        "tensorflow cannot be used: TensorFlow does not see the GPU that it was given",
      );
    },
  });
}
