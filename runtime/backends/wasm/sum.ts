import type { TensorInfo } from "@tensorflow/tfjs";
import type { BackendWasm, Kernel } from "./compose.ts";
import { reductionOf, sumInto } from "./reduction.ts";

/** What reducing kernels are told. */
interface Attributes {
  axis: number | number[];
  keepDims: boolean;
}

/**
 * Sum: along neighbouring axes, wherever they are. The stock kernel transposes the whole input where
 * they are not the last ones, as in every bias's gradient.
 *
 * @param inputs.x float32 or int32 of any shape
 */
export function sumInPlace(sum: Kernel): Kernel {
  return (args) => {
    const { x } = args.inputs as { x: TensorInfo };
    const { axis, keepDims } = args.attrs as unknown as Attributes;
    const reduction = reductionOf(x.shape, axis, keepDims);
    if (reduction === undefined || (x.dtype !== "float32" && x.dtype !== "int32")) return sum(args);
    const backend = args.backend as BackendWasm;
    const output = backend.makeOutput(reduction.shape, x.dtype);
    const sums = backend.typedArrayFromHeap(output) as Float32Array | Int32Array;
    sumInto(reduction, backend.typedArrayFromHeap(x), sums, 1);
    return output;
  };
}
