import * as tf from "@tensorflow/tfjs";
import { type BackendWasm, compose, type Kernel, type Workspace } from "./compose.ts";

/** A tensor and which of the equation's dimensions each of its axes is. */
interface Labelled {
  tensor: tf.TensorInfo;
  dims: number[];
}

/**
 * Einsum of one or two float32 tensors, as a product of matrices: dimensions of both operands and
 * the result are its batch, dimensions of the operands alone are multiplied over.
 *
 * @param inputs The operands, in the order of the equation.
 * @param attrs.equation As `tf.einsum` takes it; dimensions that are not in the result are summed.
 */
export const einsum: Kernel = ({ inputs, attrs, backend }) => {
  const { equation } = attrs as unknown as { equation: string };
  const tensors = inputs as unknown as tf.Tensor[];
  const { allDims, summedDims, idDims } = tf.backend_util.decodeEinsumEquation(
    equation,
    tensors.length,
  );
  tf.backend_util.checkEinsumDimSizes(allDims.length, idDims, tensors);
  const results = allDims.length - summedDims.length;
  return compose(backend as BackendWasm, (workspace) => {
    const operands = idDims.map((dims, at) => {
      const others = idDims.filter((_, other) => other !== at).flat();
      const kept = (dim: number) => dim < results || others.includes(dim);
      return sumOut(workspace, { tensor: tensors[at]!, dims }, kept);
    });
    const product = operands.reduce((a, b) => multiply(workspace, a, b, results));
    return arrange(workspace, product, Array.from({ length: results }, (_, dim) => dim));
  });
};

/** Sums over the dimensions that nothing else uses. */
function sumOut(
  { run }: Workspace,
  { tensor, dims }: Labelled,
  kept: (dim: number) => boolean,
): Labelled {
  const axis = dims.flatMap((dim, at) => kept(dim) ? [] : [at]);
  if (axis.length === 0) return { tensor, dims };
  return { tensor: run("Sum", { x: tensor }, { axis, keepDims: false }), dims: dims.filter(kept) };
}

function multiply(workspace: Workspace, a: Labelled, b: Labelled, results: number): Labelled {
  const shared = a.dims.filter((dim) => b.dims.includes(dim));
  const batch = shared.filter((dim) => dim < results);
  const inner = shared.filter((dim) => dim >= results);
  const rows = a.dims.filter((dim) => !shared.includes(dim));
  const columns = b.dims.filter((dim) => !shared.includes(dim));
  const size = sizes([a, b]);
  const matrix = (operand: Labelled, groups: number[][]) => ({
    x: arrange(workspace, operand, groups.flat()),
    shape: groups.map((dims) => tf.util.sizeFromShape(dims.map(size))),
  });
  const left = matrix(a, [batch, rows, inner]);
  const right = matrix(b, [batch, inner, columns]);
  const product = workspace.run("BatchMatMul", {
    a: { ...left.x, shape: left.shape },
    b: { ...right.x, shape: right.shape },
  }, { transposeA: false, transposeB: false });
  const dims = [...batch, ...rows, ...columns];
  return { tensor: { ...product, shape: dims.map(size) }, dims };
}

/** The tensor with its dimensions in another order: always a new one. */
function arrange({ run }: Workspace, { tensor, dims }: Labelled, order: number[]): tf.TensorInfo {
  return run("Transpose", { x: tensor }, { perm: order.map((dim) => dims.indexOf(dim)) });
}

/** The size of each dimension, from the operands that have it. */
function sizes(operands: Labelled[]): (dim: number) => number {
  const known = new Map(
    operands.flatMap(({ tensor, dims }) =>
      dims.map((dim, axis): [number, number] => [dim, tensor.shape[axis]!])
    ),
  );
  return (dim) => known.get(dim)!;
}
