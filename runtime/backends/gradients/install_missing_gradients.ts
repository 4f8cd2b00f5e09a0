import * as tf from "@tensorflow/tfjs";
import { comparison } from "./comparison.ts";
import { conv3DTranspose } from "./conv3d_transpose.ts";
import { extremum } from "./extremum.ts";
import { fusedBatchNorm } from "./fused_batch_norm.ts";

/** By kernel: gradients that TensorFlow.js 4.22 lacks, or derives wrongly. On every backend. */
const GRADIENTS: Readonly<Record<string, Omit<tf.GradConfig, "kernelName">>> = {
  // A layer that masks or thresholds multiplies by what a comparison says.
  Any: comparison(["x"]),
  Equal: comparison(["a", "b"]),
  Greater: comparison(["a", "b"]),
  Less: comparison(["a", "b"]),
  LessEqual: comparison(["a", "b"]),
  NotEqual: comparison(["a", "b"]),
  Conv3DBackpropInputV2: conv3DTranspose,
  FusedBatchNorm: fusedBatchNorm,
  Maximum: extremum(tf.greaterEqual),
  Minimum: extremum(tf.lessEqual),
};

/** Makes the layers trainable that TensorFlow.js cannot derive. Calling it again changes nothing. */
export function installMissingGradients(): void {
  for (const [kernelName, gradient] of Object.entries(GRADIENTS)) {
    const known: tf.GradConfig | undefined = tf.getGradient(kernelName);
    if (known?.gradFunc === gradient.gradFunc) continue;
    if (known !== undefined) tf.unregisterGradient(kernelName);
    tf.registerGradient({ kernelName, ...gradient });
  }
}
