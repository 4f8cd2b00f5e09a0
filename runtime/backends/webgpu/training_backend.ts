import * as tf from "@tensorflow/tfjs";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { type GpuAdapter, WebGpuError } from "./adapter.ts";
import type { Readback } from "./readback.ts";

/**
 * The WebGPU backend of TensorFlow.js with what training needs besides: values are read at once, as
 * on every other backend, and what goes wrong on the GPU is an error where its values are read.
 */
export class TrainingBackend extends WebGPUBackend {
  readonly #readback: Readback;
  #fault: string | null = null;

  constructor(
    device: GPUDevice,
    info: GPUAdapterInfo,
    /** What it computes on. */
    readonly adapter: GpuAdapter,
    readback: Readback,
  ) {
    super(device, info);
    this.#readback = readback;
    // Without this, out of memory or a shader that is refused would only be zeros.
    device.addEventListener("uncapturederror", (event) => {
      this.#fault ??= (event as GPUUncapturedErrorEvent).error.message;
    });
    device.lost.then(({ message }) => this.#fault ??= `the GPU was lost: ${message}`);
  }

  /** @throws {WebGpuError} for a tensor that is larger than the GPU can hold in one piece. */
  override uploadToGPU(dataId: object): void {
    const { shape, resource } = this.tensorMap.get(dataId);
    if (resource === null || resource === undefined) {
      const bytes = 4 * tf.util.sizeFromShape(shape);
      const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
      const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
      if (bytes > limit) {
        throw new WebGpuError(
          `a tensor of shape [${shape}] takes ${bytes} bytes; ${this.adapter.name} takes ${limit}`,
        );
      }
    }
    super.uploadToGPU(dataId);
  }

  /** @throws {WebGpuError} when something has gone wrong on the GPU since the start. */
  override readSync(dataId: object): tf.backend_util.BackendValues {
    const data = this.tensorMap.get(dataId);
    const { values, dtype, resource } = data;
    if (values !== null && values !== undefined) return values;
    if (dtype === "complex64" || !(resource instanceof GPUBuffer)) return super.readSync(dataId);
    if (this.#fault === null) {
      this.ensureCommandEncoderReady();
      this.endComputePassEncoder();
      this.submitQueue();
      const bytes = this.#readback.read(resource, resource.size);
      if (this.#fault === null) return data.values = valuesOf(bytes, dtype);
    }
    throw new WebGpuError(`the GPU failed: ${this.#fault}`);
  }

  /** As {@linkcode readSync}: the promise that WebGPU gives is kept after 10 ms only. */
  override async read(dataId: object): Promise<tf.backend_util.BackendValues> {
    return await Promise.resolve(this.readSync(dataId));
  }
}

/** Every value takes 4 bytes on the GPU. */
function valuesOf(bytes: ArrayBuffer, dtype: tf.DataType): tf.backend_util.BackendValues {
  if (dtype === "float32") return new Float32Array(bytes);
  const whole = new Int32Array(bytes);
  return dtype === "bool" ? Uint8Array.from(whole) : whole;
}
