import { type TensorInfo, util } from "@tensorflow/tfjs";
import { type BackendWasm, compose, type Kernel, withShape, type Workspace } from "./compose.ts";

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

/** Multiplications a product of two matrices must have for XNNPACK to win, called once a matrix. */
const WORTH_A_CALL = 2 ** 18;

/**
 * BatchMatMul of large matrices, not to be transposed: one after another, each by XNNPACK, to which the stock kernel gives
 * only a batch of one: 3 ms against 18 ms for 8 products of [128, 128] and [128, 128].
 */
export function oneByOne(matMul: Kernel): Kernel {
  return (args) => {
    const { a, b } = args.inputs as Record<"a" | "b", TensorInfo>;
    const [rows, inner, columns] = [a.shape.at(-2)!, a.shape.at(-1)!, b.shape.at(-1)!];
    const outer = a.shape.slice(0, -2);
    const count = util.sizeFromShape(outer);
    const isLarge = count > 1 && rows * inner * columns >= WORTH_A_CALL;
    const isBroadcast = outer.join() !== b.shape.slice(0, -2).join();
    if (!isLarge || isBroadcast) return matMul(args);
    const product = compose(args.backend as BackendWasm, ({ run, adopt, free }) => {
      const slice = (x: TensorInfo, at: number) =>
        run("Slice", { x: withShape(x, [count, ...x.shape.slice(-2)]) }, {
          begin: [at, 0, 0],
          size: [1, ...x.shape.slice(-2)],
        });
      const products = Array.from({ length: count }, (_, at) => {
        const [left, right] = [slice(a, at), slice(b, at)];
        const product = adopt(matMul({ ...args, inputs: { a: left, b: right } }));
        [left, right].forEach(free);
        return product;
      });
      return run("Concat", products, { axis: 0 });
    });
    return withShape(product, [...outer, rows, columns]);
  };
}

function swapLastAxes({ run }: Workspace, x: TensorInfo): TensorInfo {
  const perm = x.shape.map((_, axis) => axis);
  perm.push(perm.pop()!, perm.pop()!);
  return run("Transpose", { x }, { perm });
}
