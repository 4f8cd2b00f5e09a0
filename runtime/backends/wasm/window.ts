import * as tf from "@tensorflow/tfjs";

/**
 * How a filter slides over a batch: sizes along depth, height and width (depth is 1 in two
 * dimensions). Tensors are laid out NDHWC, filters as depth, height, width, channels in, out.
 */
export interface Window {
  readonly batch: number;
  readonly channelsIn: number;
  readonly channelsOut: number;
  readonly input: readonly [number, number, number];
  readonly output: readonly [number, number, number];
  readonly filter: readonly [number, number, number];
  readonly stride: readonly [number, number, number];
  readonly dilation: readonly [number, number, number];
  /** Rows of zeros before the first one: front, top, left. */
  readonly pad: readonly [number, number, number];
}

/** What Conv2D and DepthwiseConv2dNative kernels are told of the sliding. */
export interface Conv2DAttributes {
  strides: number | [number, number];
  pad: "valid" | "same" | number | tf.backend_util.ExplicitPadding;
  dilations?: number | [number, number];
  dataFormat?: "NHWC" | "NCHW";
  dimRoundingMode?: "floor" | "round" | "ceil";
}

/** What Conv3D kernels are told of the sliding. */
export interface Conv3DAttributes {
  strides: number | [number, number, number];
  pad: "valid" | "same";
  dilations?: number | [number, number, number];
}

/** What pooling kernels are told of the sliding; two or three numbers each. */
export interface PoolAttributes {
  filterSize: number | number[];
  strides: number | number[];
  pad: "valid" | "same" | number;
  dimRoundingMode?: "floor" | "round" | "ceil";
}

/**
 * The window of a two-dimensional convolution.
 *
 * @param inputShape [batch, height, width, channels]
 * @param filterShape [height, width, channels in, channels out or multiplier]
 * @throws {Error} for NCHW, as the stock wasm kernels do.
 */
export function window2D(
  inputShape: number[],
  filterShape: number[],
  attributes: Conv2DAttributes,
  depthwise = false,
): Window {
  const { strides, pad, dilations = 1, dataFormat = "NHWC", dimRoundingMode } = attributes;
  if (dataFormat !== "NHWC") throw new Error(`wasm convolves NHWC only, not ${dataFormat}`);
  const info = tf.backend_util.computeConv2DInfo(
    inputShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    strides,
    dilations,
    pad,
    dimRoundingMode,
    depthwise,
  );
  return planar(info);
}

/**
 * The window of a three-dimensional convolution.
 *
 * @param inputShape [batch, depth, height, width, channels]
 * @param filterShape [depth, height, width, channels in, channels out]
 */
export function window3D(
  inputShape: number[],
  filterShape: number[],
  { strides, pad, dilations = 1 }: Conv3DAttributes,
): Window {
  const info = tf.backend_util.computeConv3DInfo(
    inputShape as [number, number, number, number, number],
    filterShape as [number, number, number, number, number],
    strides,
    dilations,
    pad,
  );
  return spatial(info);
}

/**
 * The window of a pooling; a filter sees one channel.
 *
 * @param inputShape [batch, (depth,) height, width, channels]
 */
export function poolWindow(
  inputShape: number[],
  { filterSize, strides, pad, dimRoundingMode }: PoolAttributes,
): Window {
  if (inputShape.length === 5) {
    return spatial(tf.backend_util.computePool3DInfo(
      inputShape as [number, number, number, number, number],
      filterSize as [number, number, number],
      strides as [number, number, number],
      1,
      pad,
      dimRoundingMode,
    ));
  }
  return planar(tf.backend_util.computePool2DInfo(
    inputShape as [number, number, number, number],
    filterSize as [number, number],
    strides as [number, number],
    1,
    pad,
    dimRoundingMode,
  ));
}

function planar(info: tf.backend_util.Conv2DInfo): Window {
  return {
    batch: info.batchSize,
    channelsIn: info.inChannels,
    channelsOut: info.outChannels,
    input: [1, info.inHeight, info.inWidth],
    output: [1, info.outHeight, info.outWidth],
    filter: [1, info.filterHeight, info.filterWidth],
    stride: [1, info.strideHeight, info.strideWidth],
    dilation: [1, info.dilationHeight, info.dilationWidth],
    pad: [0, info.padInfo.top, info.padInfo.left],
  };
}

function spatial(info: tf.backend_util.Conv3DInfo): Window {
  return {
    batch: info.batchSize,
    channelsIn: info.inChannels,
    channelsOut: info.outChannels,
    input: [info.inDepth, info.inHeight, info.inWidth],
    output: [info.outDepth, info.outHeight, info.outWidth],
    filter: [info.filterDepth, info.filterHeight, info.filterWidth],
    stride: [info.strideDepth, info.strideHeight, info.strideWidth],
    dilation: [info.dilationDepth, info.dilationHeight, info.dilationWidth],
    pad: [info.padInfo.front, info.padInfo.top, info.padInfo.left],
  };
}

/**
 * The output positions `[start, end)` of a line whose input exists.
 *
 * @param shift Where the input of position 0 is, in pixels from the start of the line.
 */
export function insideLine({ input, output, stride }: Window, shift: number): [number, number] {
  const start = Math.max(0, Math.ceil(-shift / stride[2]));
  const end = Math.min(output[2], Math.floor((input[2] - 1 - shift) / stride[2]) + 1);
  return [start, Math.max(start, end)];
}
