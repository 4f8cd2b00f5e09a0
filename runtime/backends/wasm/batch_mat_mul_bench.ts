/** Stock matrix products against transpose-first ones: `deno bench -A runtime/backends/wasm/`. */
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { installTrainingKernels } from "./install_training_kernels.ts";

setWasmPaths(fileURLToPath(new URL("./", import.meta.resolve("@tensorflow/tfjs-backend-wasm"))));
await tf.setBackend("wasm");

const NAMES = ["BatchMatMul", "_FusedMatMul"];
const stock = NAMES.map((name) => tf.getKernel(name, "wasm"));
installTrainingKernels();
const kernels = { stock, "transpose first": NAMES.map((name) => tf.getKernel(name, "wasm")) };

function register(wanted: readonly tf.KernelConfig[]): void {
  for (const kernel of wanted) {
    tf.unregisterKernel(kernel.kernelName, "wasm");
    tf.registerKernel(kernel);
  }
}

/** An Adam step of an MLP at batch 128, its loss read back. */
function mlpStep(widths: readonly number[]): () => void {
  const layers = widths.slice(1).map((units, at) =>
    tf.layers.dense(at === 0 ? { units, inputShape: [widths[0]!], activation: "relu" } : { units })
  );
  const model = tf.sequential({ layers });
  const optimizer = tf.train.adam(1e-3);
  const x = tf.randomNormal([128, widths[0]!], 0, 1, "float32", 3);
  const y = tf.oneHot(tf.range(0, 128, 1, "int32").mod(tf.scalar(2, "int32")), widths.at(-1)!);
  return () => {
    const loss = optimizer.minimize(
      () => tf.losses.softmaxCrossEntropy(y, model.apply(x, { training: true }) as tf.Tensor),
      true,
    )!;
    loss.dataSync();
    loss.dispose();
  };
}

function gradientProduct(rows: number, inner: number, columns: number): () => void {
  const a = tf.randomNormal([inner, rows]);
  const b = tf.randomNormal([inner, columns]);
  return () => tf.matMul(a, b, true).dispose();
}

const CASES: Record<string, () => void> = {
  "product of [32, 128]ᵀ and [32, 64]": gradientProduct(128, 32, 64),
  "product of [784, 128]ᵀ and [784, 512]": gradientProduct(128, 784, 512),
  "step of an MLP 32-64-2": mlpStep([32, 64, 2]),
};

for (const [group, run] of Object.entries(CASES)) {
  for (const [name, wanted] of Object.entries(kernels)) {
    Deno.bench(name, { group, baseline: name === "stock" }, (bench) => {
      register(wanted);
      bench.start();
      run();
      bench.end();
    });
  }
}
