import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, compose, type Kernel } from "./compose.ts";

/**
 * FusedBatchNorm: `(x - mean) / sqrt(variance + epsilon) * scale + offset`. The stock kernel (cpu's
 * too) repeats statistics along the last axis whatever their shape; statistics of another axis are
 * broadcast here instead.
 *
 * @param inputs x of any shape; mean, variance, and scale and offset where given, broadcast to it
 */
export function broadcastStatistics(fusedBatchNorm: Kernel): Kernel {
  return (args) => {
    const { x, mean, variance, offset, scale } = args.inputs as
      & Record<"x" | "mean" | "variance", TensorInfo>
      & Partial<Record<"offset" | "scale", TensorInfo>>;
    if (isSuffix(mean.shape, x.shape)) return fusedBatchNorm(args);
    const { varianceEpsilon } = args.attrs as unknown as { varianceEpsilon: number };
    const backend = args.backend as BackendWasm;
    return compose(backend, ({ run, scalar }) => {
      const epsilon = scalar(varianceEpsilon);
      const perDeviation = run("Rsqrt", { x: run("Add", { a: variance, b: epsilon }) });
      const factor = scale ? run("Multiply", { a: perDeviation, b: scale }) : perDeviation;
      const scaled = run("Multiply", { a: run("Sub", { a: x, b: mean }), b: factor });
      return offset ? run("Add", { a: scaled, b: offset }) : scaled;
    });
  };
}

/** Whether repeating the smaller shape over and over fills the larger one in order. */
function isSuffix(small: number[], large: number[]): boolean {
  const first = small.findIndex((size) => size !== 1);
  const significant = first === -1 ? [] : small.slice(first);
  return significant.every((size, at) => size === large.at(at - significant.length));
}
