import type { TensorInfo } from "@tensorflow/tfjs";
import { finish, type Fused, type FusedInputs } from "./activation.ts";
import { type BackendWasm, compose, type Kernel, withShape } from "./compose.ts";
import { convolve } from "./convolution.ts";
import { isFinite } from "./finite.ts";
import { type Conv2DAttributes, window2D } from "./window.ts";

/**
 * Conv2D: XNNPACK's, except that NaN and infinities go where they belong; XNNPACK makes -Infinity of
 * NaN, which a relu then makes 0.
 *
 * @param inputs.x [batch, height, width, channels in], NHWC
 * @param inputs.filter [filter height, filter width, channels in, channels out]
 * @returns [batch, output height, output width, channels out]
 */
export function conv2D(stock: Kernel): Kernel {
  return (args) => {
    const { x, filter } = args.inputs as Operands;
    const backend = args.backend as BackendWasm;
    if (areFinite(backend, x, filter)) return stock(args);
    return carefully(backend, x, filter, args.attrs as unknown as Conv2DAttributes);
  };
}

/** FusedConv2D: as conv2D, then a bias [channels out] and an activation. */
export function fusedConv2D(stock: Kernel): Kernel {
  return (args) => {
    const { x, filter, ...fused } = args.inputs as Operands & FusedInputs;
    const backend = args.backend as BackendWasm;
    if (areFinite(backend, x, filter, fused.bias)) return stock(args);
    const attributes = args.attrs as unknown as Conv2DAttributes & Fused;
    return compose(backend, (workspace) => {
      const sums = workspace.adopt(carefully(backend, x, filter, attributes));
      return finish(workspace, sums, fused, attributes);
    });
  };
}

type Operands = Record<"x" | "filter", TensorInfo>;

function areFinite(backend: BackendWasm, ...tensors: (TensorInfo | undefined)[]): boolean {
  return tensors.every((tensor) => tensor == null || isFinite(backend, tensor));
}

function carefully(
  backend: BackendWasm,
  x: TensorInfo,
  filter: TensorInfo,
  attributes: Conv2DAttributes,
): TensorInfo {
  const window = window2D(x.shape, filter.shape, attributes);
  const [, height, width] = window.output;
  const sums = convolve(backend, window, x, filter);
  return withShape(sums, [window.batch, height, width, window.channelsOut]);
}
