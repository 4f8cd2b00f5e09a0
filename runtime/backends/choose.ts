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
   * `none`: what runs side by side may be added up in any order.
   */
  determinism: "exact" | "same_machine" | "none";
  /** Version of what computes, where another rounds otherwise; the adapter on `webgpu`. */
  version?: string;
}

/** Where TensorFlow's library is, or why there is none to use. */
export type TensorFlowLibrary = NonNullable<LaunchContext["tensorflow"]>;

/** The GPU that `auto` may compute on through WebGPU, or why there is none. */
export type WebGpuAdapter = NonNullable<LaunchContext["webgpu"]>;

const NOT_LOOKED_FOR: TensorFlowLibrary = { library: null, reason: "no library was named" };

/**
 * Makes the wanted backend the one of TensorFlow.js, after it passed the self-test. Where wasm
 * cannot be used, cpu takes its place and `reason` says so; tensorflow and webgpu, when they were
 * asked for, are never replaced, nor is tensorflow that was given a GPU.
 *
 * @param threads Threads the job was given. wasm and cpu use one, so that sums repeat.
 * @param webgpu Absent: `auto` leaves GPUs alone.
 * @throws {Error} when tensorflow or webgpu was asked for and cannot be used, or cpu fails the
 * self-test.
 */
export async function chooseBackend(
  wanted: LaunchContext["backend"],
  threads: number,
  tensorflow: TensorFlowLibrary = NOT_LOOKED_FOR,
  webgpu?: WebGpuAdapter,
): Promise<ChosenBackend> {
  installMissingGradients();
  const oneThread = threads > 1 ? `; uses one of ${threads} threads` : "";
  if (wanted === "cpu") return await startCpu(`cpu was asked for${oneThread}`);
  let why = "was asked for";
  if (wanted !== "wasm") {
    const native = await startFirst(nativeCandidates(wanted, threads, tensorflow, webgpu));
    if (native.chosen !== null) return native.chosen;
    const faults = native.faults.join("; ");
    // Whoever was given a GPU waits for its speed: a slower backend in its place would be no favour.
    if (wanted !== "auto" || tensorflow.gpu !== undefined) throw new Error(faults);
    why = native.expected
      ? `takes the place of ${native.expected}. FALLBACK: ${faults}`
      : `is the fastest here (${faults})`;
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

/** A backend that is better than wasm where it is there. */
interface Candidate {
  name: "tensorflow" | "webgpu";
  /** It was found: that it does not start then is no everyday matter. */
  there: boolean;
  start(): Promise<ChosenBackend>;
}

function nativeCandidates(
  wanted: LaunchContext["backend"],
  threads: number,
  tensorflow: TensorFlowLibrary,
  webgpu: WebGpuAdapter | undefined,
): Candidate[] {
  const candidates: Candidate[] = [];
  if (wanted !== "webgpu") {
    const there = tensorflow.library !== null;
    const start = () => startNative(wanted, tensorflow, threads);
    candidates.push({ name: "tensorflow", there, start });
  }
  if (wanted === "webgpu" || (wanted === "auto" && webgpu !== undefined)) {
    const there = (webgpu?.adapter ?? null) !== null;
    candidates.push({ name: "webgpu", there, start: () => startGpu(wanted, webgpu) });
  }
  return candidates;
}

/** Starts the first that can be; else tells what is wrong with each, and which should have worked. */
async function startFirst(candidates: readonly Candidate[]) {
  const faults: string[] = [];
  let expected: Candidate["name"] | null = null;
  for (const { name, there, start } of candidates) {
    try {
      return { chosen: await start(), faults, expected };
    } catch (error) {
      faults.push(`${name} cannot be used: ${messageOf(error)}`);
      if (there) expected ??= name;
    }
  }
  return { chosen: null, faults, expected };
}

async function startNative(
  wanted: LaunchContext["backend"],
  { library, reason, gpu }: TensorFlowLibrary,
  threads: number,
): Promise<ChosenBackend> {
  if (library === null) throw new Error(reason);
  // Loaded only where it is used: it brings 155 kernels.
  const { startTensorFlow } = await import("./tensorflow/start.ts");
  const version = startTensorFlow(library, threads, gpu?.fraction ?? null);
  selfTest();
  const why = wanted === "tensorflow" ? "was asked for" : "is there";
  const on = gpu === undefined ? "" : ` on ${gpu.name}`;
  return {
    name: "tensorflow",
    reason: `tensorflow ${version}${on} ${why}; ${threads} ${threads === 1 ? "thread" : "threads"}`,
    // Several threads share out a sum as they come by, and so does a GPU.
    determinism: threads === 1 && gpu === undefined ? "same_machine" : "none",
    version,
  };
}

async function startGpu(
  wanted: LaunchContext["backend"],
  adapter: WebGpuAdapter | undefined,
): Promise<ChosenBackend> {
  if (adapter?.adapter === null) throw new Error(adapter.reason);
  const { startWebGpu } = await import("./webgpu/start.ts");
  const { name, software } = await startWebGpu();
  if (software && wanted === "auto") throw new Error(`${name} is software, slower than wasm`);
  selfTest();
  const why = wanted === "webgpu" ? "was asked for" : "is there";
  return {
    name: "webgpu",
    reason: `webgpu on ${name}${software ? ", in software," : ""} ${why}`,
    determinism: "none",
    version: name,
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
