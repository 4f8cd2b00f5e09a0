import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, floats, type Kernel } from "./compose.ts";
import { reductionOf, sumInto } from "./reduction.ts";

/**
 * Mean: along neighbouring axes, wherever they are. The stock kernel transposes the whole input where
 * they are not the last ones, as in every batch normalization.
 *
 * @param inputs.x float32 or int32 of any shape
 * @returns float32
 */
export function meanInPlace(mean: Kernel): Kernel {
  return (args) => {
    const { x } = args.inputs as { x: TensorInfo };
    const { axis, keepDims } = args.attrs as unknown as {
      axis: number | number[];
      keepDims: boolean;
    };
    const reduction = reductionOf(x.shape, axis, keepDims);
    if (reduction === undefined || (x.dtype !== "float32" && x.dtype !== "int32")) {
      return mean(args);
    }
    const backend = args.backend as BackendWasm;
    const output = backend.makeOutput(reduction.shape, "float32");
    const values = backend.typedArrayFromHeap(x);
    sumInto(reduction, values, floats(backend, output), 1 / reduction.reduced);
    return output;
  };
}
