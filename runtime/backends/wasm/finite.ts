import type { TensorInfo } from "@tensorflow/tfjs";
import type { BackendWasm } from "./compose.ts";

/**
 * Whether a tensor holds neither NaN nor an infinity. XNNPACK's convolutions, pools and clamps turn
 * NaN into a bound: training that has diverged would go on with finite losses, and no one would know.
 * Looking costs less than a millisecond a million values.
 */
export function isFinite(backend: BackendWasm, tensor: TensorInfo): boolean {
  if (tensor.dtype !== "float32") return true;
  const values = backend.typedArrayFromHeap(tensor) as Float32Array;
  let sum = 0;
  // Zero times a finite number is zero, times any other NaN.
  for (let at = 0; at < values.length; at++) sum += values[at]! * 0;
  return sum === 0;
}
