import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { setPrecision } from "../../runtime/backends/precision.ts";
import { readValues } from "../../runtime/backends/tensor_view.ts";
import type { TensorFlowBinding } from "../../runtime/backends/tensorflow/binding.ts";
import { JobConfigError } from "../../runtime/protocol/job_config.ts";
import { quietTensorFlow, tensorFlowForTests } from "../fixtures/tensorflow_library.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";

const installed = await tensorFlowForTests();
const library = { library: installed?.path ?? null, reason: "for the test" };
const SPIRALS = fromFileUrl(new URL("../fixtures/spirals.ts", import.meta.url));

for (const backend of ["wasm", "cpu"] as const) {
  Deno.test(`setPrecision() refuses on ${backend} what would not be true there`, async () => {
    await chooseBackend(backend, 1);
    setPrecision("float32");
    const { field } = assertThrows(() => setPrecision("mixed_float16"), JobConfigError, backend);
    assertEquals(field, "precision");
  });
}

/** Runs `test` on tensorflow in mixed precision, and float32 again after it. */
function testInHalf(name: string, test: () => void | Promise<void>): void {
  Deno.test({
    name,
    ignore: installed === null,
    fn: async () => {
      quietTensorFlow();
      await chooseBackend("tensorflow", 1, library);
      setPrecision("mixed_float16");
      try {
        await test();
      } finally {
        setPrecision("float32");
      }
    },
  });
}

/** 1 + 2^-11 and 1 + 2^-10: float16 has room for the second alone. */
const FINE = 1 + 2 ** -11;
const COARSE = 1 + 2 ** -10;

testInHalf("mixed_float16 rounds products and convolutions to float16, and nothing else", () => {
  tf.tidy(() => {
    const one = tf.ones<tf.Rank.R2>([1, 1]);
    const times = (value: number) => tf.matMul(one, tf.tensor2d([[value]])).dataSync()[0];
    assertEquals([times(FINE), times(COARSE), times(70_000)], [1, COARSE, Infinity]);
    const image = tf.fill<tf.Rank.R4>([1, 2, 2, 1], FINE);
    const filter = tf.ones<tf.Rank.R4>([1, 1, 1, 1]);
    assertEquals([...tf.conv2d(image, filter, 1, "valid").dataSync()], [1, 1, 1, 1]);
    assertEquals(tf.mul(tf.tensor1d([FINE]), 1).dataSync()[0], FINE);
    assertEquals(tf.matMul(one, tf.tensor2d([[FINE]])).dtype, "float32");
  });
  setPrecision("float32");
  tf.tidy(() => {
    const product = tf.matMul(tf.ones<tf.Rank.R2>([1, 1]), tf.tensor2d([[FINE]]));
    assertEquals(product.dataSync()[0], FINE);
  });
});

testInHalf(
  "mixed_float16 trains every kind of product and convolution, and leaves no tensor",
  () => {
    const { conv1d, conv2d, conv2dTranspose, conv3d, dense, depthwiseConv2d, lstm } = tf.layers;
    const cases: [tf.layers.Layer, number[]][] = [
      [dense({ units: 3 }), [2, 3, 4]],
      [conv1d({ filters: 2, kernelSize: 2 }), [1, 6, 2]],
      [conv2d({ filters: 2, kernelSize: 2 }), [1, 6, 6, 2]],
      [conv2dTranspose({ filters: 2, kernelSize: 2 }), [1, 6, 6, 2]],
      [depthwiseConv2d({ kernelSize: 2 }), [1, 6, 6, 2]],
      [conv3d({ filters: 2, kernelSize: 2 }), [1, 4, 4, 4, 2]],
      [lstm({ units: 3 }), [1, 3, 2]],
    ];
    const { binding } = tf.backend() as unknown as { binding: TensorFlowBinding };
    for (const [layer, shape] of cases) {
      const input = tf.variable(tf.tidy(() => tf.randomUniform(shape, -1, 1, "float32", 3)));
      tf.tidy(() => void layer.apply(input));
      const variables = [input, ...layer.trainableWeights.map((w) => w.read() as tf.Variable)];
      const gradients = () =>
        tf.tidy(() => {
          const loss = () => tf.sum(tf.square(layer.apply(input) as tf.Tensor)) as tf.Scalar;
          const { grads } = tf.variableGrads(loss, variables);
          return variables.map(({ name }) => Float32Array.from(readValues(grads[name]!)));
        });
      gradients();
      const before = binding.getNumOfTensors();
      const inHalf = gradients();
      assertEquals(binding.getNumOfTensors(), before, layer.name);
      setPrecision("float32");
      const inFull = gradients();
      setPrecision("mixed_float16");
      assert(String(inHalf) !== String(inFull), `${layer.name} was not computed in float16`);
      inFull.forEach((values, at) =>
        values.forEach((value, i) => assertAlmostEquals(inHalf[at]![i]!, value, 0.05))
      );
      layer.dispose();
      input.dispose();
    }
  },
);

Deno.test({
  name: "a job in mixed_float16 skips the steps that overflow float16, backs off, and learns",
  ignore: installed === null,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    const train = async (config: Record<string, unknown>) => {
      const worker = new WorkerProcess(
        launchContext(SPIRALS, folder, {
          backend: "tensorflow",
          tensorflow: library,
          config: { max_epochs: 1000, max_steps: 300, ckpt_every_steps: null, ...config },
        }),
      );
      assertEquals((await worker.ended()).code, 0);
      return worker.all("trainStep");
    };
    const full = await train({});
    const half = await train({ precision: "mixed_float16", loss_scale: 2 ** 30 });
    await Deno.remove(folder, { recursive: true });
    const skipped = half.at(-1)!.skipped_steps!;
    assert(skipped > 5 && skipped < 30, `${skipped} steps were skipped`);
    assert(half.at(-1)!.loss_scale! < 2 ** 25);
    const mean = (steps: typeof half) =>
      steps.slice(-40).reduce((sum, { loss }) => sum + loss! / 40, 0);
    assertAlmostEquals(mean(half), mean(full), 0.1);
    assert(mean(half) < half[0]!.loss! * 0.8);
  },
});
