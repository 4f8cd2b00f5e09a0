import * as tf from "@tensorflow/tfjs";
import type { Dataset } from "../data/dataset.ts";
import { LoaderPool } from "../data/loader_pool.ts";
import type { LaunchContext } from "../protocol/commands.ts";
import type { JobConfig } from "../protocol/job_config.ts";

/** Has threads make the batches of a training split, where config asks for any. */
export type OpenLoaders = (train: Dataset, config: () => JobConfig) => LoaderPool | null;

/**
 * Loader threads that load the module of this attempt once more. None where nothing is to train.
 * Native code and a GPU are the training thread's alone: tensors in a loader are wasm's.
 */
export function loadersOf(
  { goal, module, files, datasets = [], config, membership_seed }: LaunchContext,
  log: (message: string) => void,
): OpenLoaders {
  return (train, current) => {
    const count = current().loaders;
    if (count === 0 || goal === "serve") return null;
    const backend = tf.getBackend();
    return new LoaderPool({
      count,
      thread: new URL("./loader_thread.ts", import.meta.url),
      start: {
        context: { module, files, datasets, config, membership_seed },
        backend: backend === "cpu" ? "cpu" : "wasm",
      },
      train,
      config: current,
      sameBits: backend === "cpu" || backend === "wasm",
      log,
    });
  };
}
