import type { EventEmitter } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { installTrainingKernels } from "./install_training_kernels.ts";

/** Events of the process that the wasm module of TensorFlow.js listens to when it starts. */
const EMSCRIPTEN_EVENTS = ["uncaughtException", "unhandledRejection"] as const;
const emitter: EventEmitter = process;

/**
 * Makes wasm the backend of TensorFlow.js: one thread, fit for training. Reads the binary from
 * beside its package; needs no permission but to read there.
 *
 * @throws {Error} when it cannot be started; the backend is then whatever it was before.
 */
export async function startWasm(): Promise<void> {
  const folder = fileURLToPath(new URL("./", import.meta.resolve("@tensorflow/tfjs-backend-wasm")));
  setWasmPaths(folder);
  // A sum over several threads would depend on how the work was dealt out.
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  setThreadsCount(1);
  const before = EMSCRIPTEN_EVENTS.map((event) => emitter.listeners(event));
  const started = await tf.setBackend("wasm");
  removeNewListeners(before);
  if (!started) throw new Error(`the wasm binary in ${folder} could not be started`);
  installTrainingKernels();
}

/** A module's own errors are the worker's to report, not Emscripten's to throw again. */
function removeNewListeners(before: ReturnType<EventEmitter["listeners"]>[]): void {
  EMSCRIPTEN_EVENTS.forEach((event, position) => {
    for (const listener of emitter.listeners(event)) {
      if (before[position]!.includes(listener)) continue;
      emitter.removeListener(event, listener as (...args: unknown[]) => void);
    }
  });
}
