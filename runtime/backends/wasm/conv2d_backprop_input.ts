import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, compose, type Kernel, withShape } from "./compose.ts";
import { inputGradient } from "./input_gradient.ts";
import { type Conv2DAttributes, type Window, window2D } from "./window.ts";

/**
 * Conv2DBackpropInput: the gradient of Conv2D's input, which is also what conv2dTranspose computes.
 * The stock kernel is a scalar loop, 10 to 40 times slower.
 *
 * @param inputs.dy [batch, output height, output width, channels out], NHWC
 * @param inputs.filter [filter height, filter width, channels in, channels out]
 * @param attrs.inputShape [batch, height, width, channels in]: the result's
 */
export const conv2DBackpropInput: Kernel = ({ inputs, attrs, backend }) => {
  const { dy, filter } = inputs as { dy: TensorInfo; filter: TensorInfo };
  const attributes = attrs as unknown as Conv2DAttributes & { inputShape: number[] };
  const window = window2D(attributes.inputShape, filter.shape, attributes);
  const gradient = slidesByOne(window)
    ? convolveTurned(backend as BackendWasm, window, dy, filter)
    : inputGradient(backend as BackendWasm, window, dy, filter);
  return withShape(gradient, attributes.inputShape);
};

/** Whether the gradient is itself a convolution that XNNPACK computes, and pays. */
function slidesByOne({ stride, filter, pad }: Window): boolean {
  return stride[1] === 1 && stride[2] === 1 && pad[1] < filter[1] && pad[2] < filter[2];
}

/** dy, padded, convolved with the filter turned by 180 degrees and its channels exchanged. */
function convolveTurned(
  backend: BackendWasm,
  { input, output, filter: [, height, width], pad }: Window,
  dy: TensorInfo,
  filter: TensorInfo,
): TensorInfo {
  return compose(backend, ({ run }) => {
    const turned = run("Reverse", { x: filter }, { dims: [0, 1] });
    const exchanged = run("Transpose", { x: turned }, { perm: [0, 1, 3, 2] });
    const top = height - 1 - pad[1];
    const left = width - 1 - pad[2];
    return run("Conv2D", { x: dy, filter: exchanged }, {
      strides: 1,
      dilations: 1,
      dataFormat: "NHWC",
      pad: [
        [0, 0],
        [top, input[1] - output[1] + height - 1 - top],
        [left, input[2] - output[2] + width - 1 - left],
        [0, 0],
      ],
    });
  });
}
