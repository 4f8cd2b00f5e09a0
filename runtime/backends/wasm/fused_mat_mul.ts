import type { TensorInfo } from "@tensorflow/tfjs";
import { finish, type Fused, type FusedInputs } from "./activation.ts";
import { type BackendWasm, compose, type Kernel } from "./compose.ts";
import { isFinite } from "./finite.ts";

/**
 * _FusedMatMul: the stock kernel, except that NaN outlives a fused relu.
 *
 * @param inputs.a [batch, rows, inner]
 * @param inputs.b [batch, inner, columns]
 * @param inputs.bias [columns]
 */
export function fusedMatMul(stock: Kernel): Kernel {
  return (args) => {
    const { a, b, ...fused } = args.inputs as Record<"a" | "b", TensorInfo> & FusedInputs;
    const { transposeA, transposeB, ...attributes } = args.attrs as unknown as
      & Fused
      & Record<"transposeA" | "transposeB", boolean>;
    const backend = args.backend as BackendWasm;
    const bounded = attributes.activation === "relu" || attributes.activation === "relu6";
    const finite = () =>
      [a, b, fused.bias].every((tensor) => tensor == null || isFinite(backend, tensor));
    if (!bounded || finite()) return stock(args);
    return compose(backend, (workspace) => {
      const sums = workspace.run("BatchMatMul", { a, b }, { transposeA, transposeB });
      return finish(workspace, sums, fused, attributes);
    });
  };
}
