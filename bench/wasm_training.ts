/**
 * Training steps on wasm, on stock wasm and on cpu: `deno run -A bench/wasm_training.ts`.
 * Each case runs in processes of its own, the backends by turns; the figure is the quietest round's
 * median step.
 */
import * as tf from "@tensorflow/tfjs";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { fileURLToPath } from "node:url";
import { installMissingGradients } from "../runtime/backends/gradients/install_missing_gradients.ts";
import { startWasm } from "../runtime/backends/wasm/start.ts";

const BACKENDS = ["wasm", "stock wasm", "cpu"] as const;
type BackendName = typeof BACKENDS[number];

interface Case {
  layers(): tf.layers.Layer[];
  inputShape: number[];
  batch: number;
}

const ROUNDS = 3;
const ROUND_MS = 2000;

const CASES: Record<string, Case> = {
  "CNN 28x28 conv 16, conv 32, dense 10, batch 32": {
    inputShape: [28, 28, 1],
    batch: 32,
    layers: () => [
      tf.layers.conv2d({
        inputShape: [28, 28, 1],
        filters: 16,
        kernelSize: 3,
        activation: "relu",
      }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.conv2d({ filters: 32, kernelSize: 3, activation: "relu" }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 10 }),
    ],
  },
  "CNN with batch norm, separable conv, average pooling, batch 32": {
    inputShape: [28, 28, 1],
    batch: 32,
    layers: () => [
      tf.layers.conv2d({ inputShape: [28, 28, 1], filters: 16, kernelSize: 3, padding: "same" }),
      tf.layers.batchNormalization(),
      tf.layers.reLU(),
      tf.layers.separableConv2d({ filters: 32, kernelSize: 3, strides: 2, padding: "same" }),
      tf.layers.batchNormalization(),
      tf.layers.reLU(),
      tf.layers.averagePooling2d({ poolSize: 2 }),
      tf.layers.globalAveragePooling2d({}),
      tf.layers.dense({ units: 10 }),
    ],
  },
  "LSTM 20x16, 32 units, batch 32": {
    inputShape: [20, 16],
    batch: 32,
    layers: () => [
      tf.layers.lstm({ inputShape: [20, 16], units: 32, recurrentInitializer: "glorotUniform" }),
      tf.layers.dense({ units: 10 }),
    ],
  },
  "MLP 784-512-256-10, batch 128": {
    inputShape: [784],
    batch: 128,
    layers: () => [
      tf.layers.dense({ inputShape: [784], units: 512, activation: "relu" }),
      tf.layers.dense({ units: 256, activation: "relu" }),
      tf.layers.dense({ units: 10 }),
    ],
  },
  "MLP 32-64-2, batch 128": {
    inputShape: [32],
    batch: 128,
    layers: () => [
      tf.layers.dense({ inputShape: [32], units: 64, activation: "relu" }),
      tf.layers.dense({ units: 2 }),
    ],
  },
};

/** An Adam step with its loss read back, as a job does it. */
function trainingStep({ layers, inputShape, batch }: Case): () => number {
  const model = tf.sequential({ layers: layers() });
  const classes = model.outputShape[1] as number;
  const optimizer = tf.train.adam(1e-3);
  const xs = tf.randomNormal([batch, ...inputShape], 0, 1, "float32", 3);
  const labels = tf.tensor1d(Array.from({ length: batch }, (_, at) => at % classes), "int32");
  const ys = tf.oneHot(labels, classes);
  return () => {
    const loss = optimizer.minimize(
      () => tf.losses.softmaxCrossEntropy(ys, model.apply(xs, { training: true }) as tf.Tensor),
      true,
    )!;
    const value = loss.dataSync()[0]!;
    loss.dispose();
    return value;
  };
}

/** Makes a backend the one of TensorFlow.js; "stock wasm" without any kernel of ours. */
async function start(backend: BackendName): Promise<void> {
  if (backend === "wasm") {
    installMissingGradients();
    return await startWasm();
  }
  if (backend === "stock wasm") {
    const folder = new URL("./", import.meta.resolve("@tensorflow/tfjs-backend-wasm"));
    setWasmPaths(fileURLToPath(folder));
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
    setThreadsCount(1);
  }
  await tf.setBackend(backend === "cpu" ? "cpu" : "wasm");
}

/** Milliseconds of the median step, or why there is none. */
async function measure(backend: BackendName, name: string): Promise<number | string> {
  await start(backend);
  const step = trainingStep(CASES[name]!);
  try {
    step();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const times: number[] = [];
  const end = performance.now() + ROUND_MS;
  while (times.length < 3 || (performance.now() < end && times.length < 200)) {
    const from = performance.now();
    step();
    times.push(performance.now() - from);
  }
  return times.toSorted((a, b) => a - b)[times.length >> 1]!;
}

async function measureAlone(backend: BackendName, name: string): Promise<number | string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.filename!, backend, name],
    stderr: "null",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
}

/** The quietest round's figures by backend; those that cannot train are left out. */
async function compare(name: string): Promise<Map<BackendName, number>> {
  const figures = new Map<BackendName, number>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const backend of BACKENDS) {
      const figure = await measureAlone(backend, name);
      if (typeof figure === "string") continue;
      figures.set(backend, Math.min(figure, figures.get(backend) ?? Infinity));
    }
  }
  return figures;
}

if (import.meta.main) {
  const [backend, name] = Deno.args;
  if (backend !== undefined && name !== undefined) {
    console.log(JSON.stringify(await measure(backend as BackendName, name)));
  } else {
    for (const name of Object.keys(CASES)) {
      const figures = await compare(name);
      const columns = BACKENDS.map((backend) => {
        const figure = figures.get(backend);
        if (figure === undefined) return `${backend} cannot`;
        const times = backend === "wasm"
          ? ""
          : ` (x ${(figure / figures.get("wasm")!).toFixed(1)})`;
        return `${backend} ${figure.toFixed(2)} ms${times}`;
      });
      console.log(`${name}: ${columns.join(", ")}`);
    }
  }
}
