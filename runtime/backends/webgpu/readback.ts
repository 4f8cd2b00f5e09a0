import { WebGpuError } from "./adapter.ts";

/** Bytes that are brought over at a time. */
const WINDOW = 4 * 2 ** 20;

/**
 * Reads buffers of the GPU at once, without a promise, through a buffer that both sides see.
 *
 * WebGPU only promises the values for later, and Deno keeps that promise after 10 ms. But Deno waits
 * for the GPU within `mapAsync()` itself, so that the values are there when it returns; all of this
 * rests on that. It is proven when the backend starts, and a Deno that does otherwise is refused.
 */
export class Readback {
  readonly #device: GPUDevice;
  readonly #window: GPUBuffer;

  private constructor(device: GPUDevice) {
    this.#device = device;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    this.#window = device.createBuffer({ size: WINDOW, usage });
  }

  /** @throws {WebGpuError} where values cannot be read at once. */
  static async create(device: GPUDevice): Promise<Readback> {
    const readback = new Readback(device);
    // Deno 2.9 ends the process at a synchronous look into a buffer that never was mapped before.
    await readback.#window.mapAsync(GPUMapMode.READ, 0, 8);
    readback.#window.unmap();
    readback.#prove();
    return readback;
  }

  /**
   * The first bytes of a buffer, as they are after all that was submitted.
   * @param bytes A multiple of 4.
   */
  read(source: GPUBuffer, bytes: number): ArrayBuffer {
    const values = new Uint8Array(bytes);
    for (let from = 0; from < bytes; from += WINDOW) {
      const count = Math.min(WINDOW, bytes - from);
      const encoder = this.#device.createCommandEncoder();
      encoder.copyBufferToBuffer(source, from, this.#window, 0, count);
      this.#device.queue.submit([encoder.finish()]);
      this.#window.mapAsync(GPUMapMode.READ, 0, count).catch(() => {
        // What could not be mapped throws below, where its values are wanted.
      });
      values.set(new Uint8Array(this.#window.getMappedRange(0, count)), from);
      this.#window.unmap();
    }
    return values.buffer;
  }

  #prove(): void {
    const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const source = this.#device.createBuffer({ size: 8, usage });
    try {
      for (const value of [3, 5]) {
        this.#device.queue.writeBuffer(source, 0, Int32Array.of(value, -value));
        const [first, second] = new Int32Array(this.read(source, 8));
        if (first === value && second === -value) continue;
        throw new Error(`wrote ${value}, ${-value} and read ${first}, ${second}`);
      }
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new WebGpuError(`this Deno reads no values back at once: ${reason}`, { cause });
    } finally {
      source.destroy();
    }
  }
}
