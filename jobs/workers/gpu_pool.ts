import type { Gpu } from "./nvidia_smi.ts";

/** No GPU has room; the message says how much each has. */
export class GpuBusyError extends Error {
  override name = "GpuBusyError";
}

/** A GPU, or a share of it, that one worker computes on until it is given back. */
export interface GpuLease {
  gpu: Gpu;
  /** Share of the GPU's memory that the worker may take, in (0, 1]. */
  fraction: number;
  release(): void;
}

/** Of a GPU's memory, what is dealt out; the rest is the driver's and each process's own. */
const DEALT = 0.9;
/** What a worker beyond the shares, which serves a command, needs at least. */
const HELPER_BYTES = 2 ** 30;

/**
 * Deals out GPUs: each to `share` training workers at once, the one with fewest first. A worker
 * beyond that only serves a command, and takes what memory is left. Nobody is sent to the processor
 * instead.
 */
export class GpuPool {
  readonly #read: () => Promise<Gpu[]>;
  readonly #share: number;
  readonly #leases = new Map<string, number>();

  /** @param read The GPUs and their free memory now. */
  constructor(read: () => Promise<Gpu[]>, share: number) {
    this.#read = read;
    this.#share = share;
  }

  /** @throws {GpuBusyError} when none has the memory that a worker may take. */
  async take(): Promise<GpuLease> {
    const gpus = await this.#read();
    const byUse = gpus.toSorted((a, b) => this.#held(a) - this.#held(b) || a.index - b.index);
    const cap = DEALT / this.#share;
    for (const gpu of byUse) {
      const needed = cap * gpu.totalBytes;
      if (this.#held(gpu) < this.#share && gpu.freeBytes >= needed) return this.#lease(gpu, cap);
    }
    for (const gpu of byUse) {
      if (this.#held(gpu) < this.#share || gpu.freeBytes < HELPER_BYTES) continue;
      return this.#lease(gpu, Math.min(cap, DEALT * gpu.freeBytes / gpu.totalBytes));
    }
    if (gpus.length === 0) throw new GpuBusyError("nvidia-smi lists no GPU any more");
    const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
    const each = byUse.map((gpu) =>
      `GPU ${gpu.index} (${gpu.name}) has ${gib(gpu.freeBytes)} of ${gib(gpu.totalBytes)} free, ` +
      `${this.#held(gpu)} workers are on it`
    );
    throw new GpuBusyError(
      `no GPU has room for a worker, which may take ${Math.round(cap * 100)}% of its memory: ` +
        each.join("; "),
    );
  }

  #held({ uuid }: Gpu): number {
    return this.#leases.get(uuid) ?? 0;
  }

  #lease(gpu: Gpu, fraction: number): GpuLease {
    this.#leases.set(gpu.uuid, this.#held(gpu) + 1);
    let held = true;
    return {
      gpu,
      fraction,
      release: () => {
        if (held) this.#leases.set(gpu.uuid, this.#held(gpu) - 1);
        held = false;
      },
    };
  }
}
