import * as tf from "@tensorflow/tfjs";
import { JobConfigError, type Precision } from "../protocol/job_config.ts";
import type { TensorFlowBinding } from "./tensorflow/binding.ts";

/**
 * Has the current backend compute in a precision from now on. TensorFlow.js itself has no float16:
 * the native backend computes products and convolutions in it, between tensors of float32.
 *
 * @throws {JobConfigError} where the backend cannot.
 */
export function setPrecision(precision: Precision): void {
  const backend = tf.getBackend();
  if (backend === "tensorflow") {
    // Only its type is imported, since it brings a library.
    const { binding } = tf.backend() as unknown as { binding: TensorFlowBinding };
    return binding.computeInHalf(precision === "mixed_float16");
  }
  if (precision === "float32") return;
  throw new JobConfigError(
    "precision",
    `config.precision: ${precision} cannot be true on ${backend}, whose numbers are all float32; ` +
      "use float32, with config.loss_scale where small gradients vanish, or the tensorflow backend",
  );
}
