import * as tf from "@tensorflow/tfjs";
import type { LaunchContext } from "../protocol/commands.ts";
import { installMissingGradients } from "./gradients/install_missing_gradients.ts";
import { selfTest } from "./self_test.ts";
import { startWasm } from "./wasm/start.ts";

/** What a job computes on, why, and how far its numbers repeat. */
export interface ChosenBackend {
  name: string;
  /** For people: why this one, and what failed before it. */
  reason: string;
  /**
   * `exact`: the same bits in every process and on every machine of one architecture.
   * `same_machine`: the same bits in every process on one machine.
   */
  determinism: "exact" | "same_machine";
  /** Version of the native library that computes; other versions round otherwise. */
  version?: string;
}

/** Where TensorFlow's library is, or why there is none to use. */
export type TensorFlowLibrary = NonNullable<LaunchContext["tensorflow"]>;

const NOT_LOOKED_FOR: TensorFlowLibrary = { library: null, reason: "no library was named" };

/**
 * Makes the wanted backend the one of TensorFlow.js, after it passed the self-test. Where wasm
 * cannot be used, cpu takes its place and `reason` says so; tensorflow, when it was asked for, is
 * never replaced.
 *
 * @param threads Threads the job was given. wasm and cpu use one, so that sums repeat.
 * @throws {Error} when tensorflow was asked for and cannot be used, or cpu fails the self-test.
 */
export async function chooseBackend(
  wanted: LaunchContext["backend"],
  threads: number,
  tensorflow: TensorFlowLibrary = NOT_LOOKED_FOR,
): Promise<ChosenBackend> {
  installMissingGradients();
  const oneThread = threads > 1 ? `; uses one of ${threads} threads` : "";
  if (wanted === "cpu") return await startCpu(`cpu was asked for${oneThread}`);
  let why = "was asked for";
  if (wanted !== "wasm") {
    try {
      return await startNative(wanted, tensorflow, threads);
    } catch (error) {
      const fault = messageOf(error);
      if (wanted === "tensorflow") throw new Error(`tensorflow cannot be used: ${fault}`);
      why = tensorflow.library === null
        ? `is the fastest here (tensorflow cannot be used: ${fault})`
        : `takes the place of tensorflow. FALLBACK: tensorflow cannot be used: ${fault}`;
    }
  }
  try {
    await startWasm();
    selfTest();
    return { name: "wasm", reason: `wasm ${why}${oneThread}`, determinism: "exact" };
  } catch (error) {
    const fault = messageOf(error);
    return await startCpu(`FALLBACK to cpu, many times slower: wasm cannot be used: ${fault}`);
  }
}

async function startNative(
  wanted: LaunchContext["backend"],
  { library, reason }: TensorFlowLibrary,
  threads: number,
): Promise<ChosenBackend> {
  if (library === null) throw new Error(reason);
  // Loaded only where it is used: it brings 155 kernels.
  const { startTensorFlow } = await import("./tensorflow/start.ts");
  const version = startTensorFlow(library, threads);
  selfTest();
  const why = wanted === "tensorflow" ? "was asked for" : "is there";
  return {
    name: "tensorflow",
    reason: `tensorflow ${version} ${why}; ${threads} ${threads === 1 ? "thread" : "threads"}`,
    // Several threads share out a sum as they come by.
    determinism: threads === 1 ? "same_machine" : "none",
    version,
  };
}

async function startCpu(reason: string): Promise<ChosenBackend> {
  await tf.setBackend("cpu");
  // Else its first kernel prints an advertisement for tfjs-node into the job's log.
  (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
  selfTest();
  return { name: "cpu", reason, determinism: "exact" };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
