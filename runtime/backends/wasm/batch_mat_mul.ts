import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, compose, type Kernel, type Workspace } from "./compose.ts";

/**
 * BatchMatMul and _FusedMatMul: transposes the operands that are to be transposed, then multiplies.
 *
 * The stock kernels leave XNNPACK for a scalar loop as soon as an operand is transposed, as in
 * every gradient: 0.30 ms against 0.03 ms for [128, 32] x [32, 64], 63 ms against 4 ms for
 * [128, 784] x [784, 512] (`deno bench -A runtime/backends/wasm/` measures it again). The transposed
 * operand is a new tensor each time, since XNNPACK keeps packed weights by tensor id.
 */
export function transposeFirst(matMul: Kernel): Kernel {
  return (args) => {
    const { transposeA, transposeB } = args.attrs!;
    if (!transposeA && !transposeB) return matMul(args);
    return compose(args.backend as BackendWasm, (workspace) => {
      const inputs = { ...args.inputs };
      if (transposeA) inputs.a = swapLastAxes(workspace, inputs.a!);
      if (transposeB) inputs.b = swapLastAxes(workspace, inputs.b!);
      const attrs = { ...args.attrs, transposeA: false, transposeB: false };
      return workspace.adopt(matMul({ ...args, inputs, attrs }));
    });
  };
}

function swapLastAxes({ run }: Workspace, x: TensorInfo): TensorInfo {
  const perm = x.shape.map((_, axis) => axis);
  perm.push(perm.pop()!, perm.pop()!);
  return run("Transpose", { x }, { perm });
}
