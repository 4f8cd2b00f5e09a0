import type { TensorInfo } from "@tensorflow/tfjs";
import type { BackendWasm, Kernel } from "./compose.ts";

/**
 * Identity: the same memory, counted once more, as on cpu. The stock kernel copies, and a training
 * step clones every tensor that a gradient will need.
 */
export function shareMemory(identity: Kernel): Kernel {
  return (args) => {
    const { x } = args.inputs as { x: TensorInfo };
    if (x.dtype === "string") return identity(args);
    (args.backend as BackendWasm).incRef(x.dataId);
    return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
  };
}
