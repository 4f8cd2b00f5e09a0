import * as tf from "@tensorflow/tfjs";
import { WebGpuError } from "./adapter.ts";

/** What computes a kernel, as TensorFlow.js's registry knows it. */
type Kernel = tf.KernelConfig["kernelFunc"];

interface PoolAttributes {
  filterSize: number | number[];
  strides: number | number[];
  pad: "valid" | "same" | number;
}

/** Count of inputs below each place of a window along one axis, padding left out. */
function countsAlong(input: number, filter: number, stride: number, before: number, out: number) {
  return Float32Array.from({ length: out }, (_, at) => {
    const from = at * stride - before;
    return Math.min(from + filter, input) - Math.max(from, 0);
  });
}

/**
 * AvgPoolGrad whose gradient is shared by the inputs of each window. The stock kernel (4.22) divides
 * by the whole window also where part of it is padding, which AvgPool does not count: dy is scaled
 * up by as much before.
 */
export function sharedByInputs(stock: Kernel): Kernel {
  return (call) => {
    const { dy, input } = call.inputs as { dy: tf.TensorInfo; input: tf.TensorInfo };
    const shares = sharesOf(input.shape, dy.shape, call.attrs as unknown as PoolAttributes);
    if (shares === null) return stock(call);
    const { kernelFunc: multiply } = tf.getKernel("Multiply", "webgpu");
    const backend = call.backend as tf.KernelBackend & {
      makeTensorInfo(shape: number[], dtype: string, values: Float32Array): tf.TensorInfo;
    };
    const share = backend.makeTensorInfo([...dy.shape.slice(1, -1), 1], "float32", shares);
    const scaled = multiply({ ...call, inputs: { a: dy, b: share } }) as tf.TensorInfo;
    const gradient = stock({ ...call, inputs: { dy: scaled, input } });
    backend.disposeData(share.dataId);
    backend.disposeData(scaled.dataId);
    return gradient;
  };
}

/** Size of the window over the inputs below it, for each place; null where no window has padding. */
function sharesOf(
  input: number[],
  output: number[],
  { filterSize, strides, pad }: PoolAttributes,
): Float32Array | null {
  const axes = input.length - 2;
  const each = (given: number | number[]) =>
    [given].flat().length === 1 ? Array<number>(axes).fill([given].flat()[0]!) : [given].flat();
  const [filter, stride] = [each(filterSize), each(strides)];
  const counts = filter.map((size, axis) => {
    const [length, out] = [input[axis + 1]!, output[axis + 1]!];
    const missing = Math.max(0, (out - 1) * stride[axis]! + size - length);
    const before = pad === "same" ? Math.floor(missing / 2) : pad === "valid" ? 0 : pad;
    return countsAlong(length, size, stride[axis]!, before, out);
  });
  if (counts.every((along, axis) => along.every((count) => count === filter[axis]))) return null;
  return counts.reduce(
    (shares, along, axis) =>
      Float32Array.from(
        { length: shares.length * along.length },
        (_, at) =>
          shares[Math.floor(at / along.length)]! * filter[axis]! / along[at % along.length]!,
      ),
    Float32Array.of(1),
  );
}

/** MaxPool3DGrad without the windows where the stock kernel (4.22) mistakes height for width. */
export function squareWindows(stock: Kernel): Kernel {
  return (call) => {
    const { filterSize } = call.attrs as unknown as PoolAttributes;
    const [, height, width] = [filterSize].flat();
    if (height === width) return stock(call);
    throw new WebGpuError(
      `maxPooling3d with poolSize [${filterSize}] does not train on webgpu, whose gradient is wrong ` +
        "where height and width of the window differ; take a window as high as wide, or wasm",
    );
  };
}
