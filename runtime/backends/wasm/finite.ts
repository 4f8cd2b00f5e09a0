import type { TensorInfo } from "@tensorflow/tfjs";
import type { BackendWasm } from "./compose.ts";

/**
 * Whether a tensor holds neither NaN nor an infinity. XNNPACK's convolutions, pools and clamps turn
 * NaN into a bound: training that has diverged would go on with finite losses, and no one would know.
 * Looking costs about half a millisecond a million values.
 */
export function isFinite(backend: BackendWasm, tensor: TensorInfo): boolean {
  if (tensor.dtype !== "float32") return true;
  const values = backend.typedArrayFromHeap(tensor);
  // Zero times a finite number is zero, times any other NaN. Four at once keep the adder busy.
  let [a, b, c, d] = [0, 0, 0, 0];
  let at = 0;
  for (const last = values.length - 3; at < last; at += 4) {
    a += values[at]! * 0;
    b += values[at + 1]! * 0;
    c += values[at + 2]! * 0;
    d += values[at + 3]! * 0;
  }
  for (; at < values.length; at++) a += values[at]! * 0;
  return a + b + c + d === 0;
}
