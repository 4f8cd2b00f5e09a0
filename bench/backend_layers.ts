/**
 * Which layers of tf.layers train on which backend: `deno run -A bench/backend_layers.ts [BACKEND]...`.
 * A layer trains where its gradients are the derivatives that finite differences measure on that
 * backend. Each backend runs in a process of its own; "stock" ones have neither kernels nor gradients
 * of ours.
 */
import * as tf from "@tensorflow/tfjs";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { fileURLToPath } from "node:url";
import { installMissingGradients } from "../runtime/backends/gradients/install_missing_gradients.ts";
import { startWasm } from "../runtime/backends/wasm/start.ts";
import { startWebGpu } from "../runtime/backends/webgpu/start.ts";
import { gpuEnvironment } from "../jobs/workers/webgpu_adapter.ts";
import { LAYER_CASES, type LayerCase } from "../tests/fixtures/layer_cases.ts";
import { tryLayer } from "../tests/fixtures/layer_gradients.ts";

/** Largest difference of a gradient to a finite difference, of the larger of both or 1. */
const MEASURING = 5e-3;

/** Derivatives measured of each input and weight. */
const MEASURED = 40;

const START: Record<string, () => Promise<unknown>> = {
  wasm: () => {
    installMissingGradients();
    return startWasm();
  },
  webgpu: () => {
    installMissingGradients();
    return startWebGpu();
  },
  cpu: () => {
    installMissingGradients();
    return tf.setBackend("cpu");
  },
  "stock wasm": () => {
    const folder = new URL("./", import.meta.resolve("@tensorflow/tfjs-backend-wasm"));
    setWasmPaths(fileURLToPath(folder));
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
    setThreadsCount(1);
    return tf.setBackend("wasm");
  },
  "stock cpu": () => tf.setBackend("cpu"),
};

/** What comes of one configuration. */
function outcome(given: LayerCase): "trains" | "wrong" | "cannot" {
  if (given.forwardOnly !== undefined) return "trains";
  try {
    const { differences } = tryLayer(given, { gradients: true, measure: MEASURED });
    const right = differences.length > 0 && differences.every(({ gradient, measured }) => {
      return Math.abs(gradient - measured) <= MEASURING * Math.max(1, Math.abs(measured));
    });
    return right ? "trains" : "wrong";
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return "cannot";
  }
}

/** One word a layer: the worst that its configurations come to. */
function tryAll(): Record<string, string> {
  const words: Record<string, string> = {};
  for (const [name, cases] of Object.entries(LAYER_CASES)) {
    if (typeof cases === "string") continue;
    const outcomes = cases.map(outcome);
    const word = outcomes.includes("cannot")
      ? "cannot"
      : outcomes.includes("wrong")
      ? "wrong"
      : "trains";
    const trained = outcomes.filter((outcome) => outcome === "trains").length;
    words[name] = word === "trains" ? word : `${word} ${cases.length - trained} of ${cases.length}`;
  }
  return words;
}

async function inProcess(backend: string): Promise<Record<string, string>> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.filename!, "--here", backend],
    env: gpuEnvironment(),
    stderr: "inherit",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
}

if (import.meta.main) {
  const [first, ...rest] = Deno.args;
  if (first === "--here") {
    await START[rest[0]!]!();
    console.log(JSON.stringify(tryAll()));
  } else {
    const columns = first === undefined ? Object.keys(START) : Deno.args;
    const results = [];
    for (const column of columns) results.push(await inProcess(column));
    console.log(["layer".padEnd(24), ...columns.map((name) => name.padEnd(15))].join(" "));
    for (const layer of Object.keys(results[0]!).toSorted()) {
      const words = results.map((result) => result[layer]!.padEnd(15));
      console.log([layer.padEnd(24), ...words].join(" ").trimEnd());
    }
  }
}
