import * as tf from "@tensorflow/tfjs";
import { selfTest } from "./self_test.ts";
import { startWasm } from "./wasm/start.ts";

/** What a job computes on, why, and how far its numbers repeat. */
export interface ChosenBackend {
  name: string;
  /** For people: why this one, and what failed before it. */
  reason: string;
  /** `exact`: the same bits in every process and on every machine of one architecture. */
  determinism: "exact" | "same_machine";
}

/**
 * Makes the wanted backend the one of TensorFlow.js, after it passed the self-test. Where wasm
 * cannot be used, cpu takes its place and `reason` says so.
 *
 * @param threads Threads the job was given. wasm and cpu use one, so that sums repeat.
 * @throws {Error} when cpu fails the self-test too.
 */
export async function chooseBackend(
  wanted: "auto" | "wasm" | "cpu",
  threads: number,
): Promise<ChosenBackend> {
  const oneThread = threads > 1 ? `; uses one of ${threads} threads` : "";
  if (wanted === "cpu") return await startCpu(`cpu was asked for${oneThread}`);
  try {
    await startWasm();
    selfTest();
    const why = wanted === "wasm" ? "was asked for" : "is the fastest here";
    return { name: "wasm", reason: `wasm ${why}${oneThread}`, determinism: "exact" };
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    return await startCpu(`FALLBACK to cpu, many times slower: wasm cannot be used: ${fault}`);
  }
}

async function startCpu(reason: string): Promise<ChosenBackend> {
  await tf.setBackend("cpu");
  selfTest();
  return { name: "cpu", reason, determinism: "exact" };
}
