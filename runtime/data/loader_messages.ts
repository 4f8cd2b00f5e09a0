/**
 * What a training thread and its loader threads say to each other.
 *
 * The training thread's duty: `LoaderStart` first, then requests with unique ids. The loader's duty:
 * `ready` once its dataset is there, then one answer to each request, in any order.
 */
import type { LaunchContext } from "../protocol/commands.ts";
import type { JobConfig } from "../protocol/job_config.ts";
import type { RandomState } from "../determinism/rng.ts";
import type { Draw } from "./dataset.ts";
import type { PackedBatch } from "./packed_batch.ts";

/** What a loader thread loads. */
export interface LoaderStart {
  context: Pick<LaunchContext, "module" | "files" | "datasets" | "config" | "membership_seed">;
  backend: "wasm" | "cpu";
}

/** One training batch, please. */
export interface LoaderRequest {
  id: number;
  indices: Int32Array;
  draw: Draw;
  /** Where the batch's own random stream stands. */
  random: RandomState;
  /** Config in effect, where it is not what this thread was told last. */
  config?: JobConfig;
}

/** An error, as it goes from one thread to another. */
export interface LoaderFault {
  name: string;
  message: string;
  stack: string | undefined;
}

/** What a loader thread says. */
export type LoaderAnswer =
  | { kind: "ready"; length: number }
  | { kind: "batch"; id: number; batch: PackedBatch }
  /** What the dataset answered is no batch of numeric tensors. */
  | { kind: "unpacked"; id: number }
  | { kind: "failed"; id: number; fault: LoaderFault }
  /** The thread is of no more use. */
  | { kind: "broken"; fault: LoaderFault }
  | { kind: "log"; message: string };

/** An error to send. */
export function faultOf(error: unknown): LoaderFault {
  if (!(error instanceof Error)) return { name: "Error", message: String(error), stack: undefined };
  const { name, message, stack } = error;
  return { name, message, stack };
}

/** The error that was sent, with the stack of where it was thrown. */
export function errorOf({ name, message, stack }: LoaderFault): Error {
  const error = new Error(message);
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return error;
}
