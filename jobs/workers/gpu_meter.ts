import type { GpuLease } from "./gpu_pool.ts";
import type { LaunchedWorker } from "./launcher.ts";
import type { Gpu } from "./nvidia_smi.ts";
import type { ReceivedEvent } from "./trainer_link.ts";

/** Ms from one look at the GPU to the next: each is a run of `nvidia-smi`. */
const PERIOD_MS = 2_000;

/**
 * Looks now and then at the GPU that a worker computes on, and writes into the next `trainStep` what
 * it saw: `mem_vram`, the bytes in use there, and `gpu_util`, the share of the time that it was busy.
 * The worker cannot tell, since it runs no programs. Whoever else is on the GPU counts too.
 */
export class GpuMeter {
  readonly #read: () => Promise<Gpu[]>;
  readonly #uuid: string;
  #seen: Gpu | null = null;
  #stopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(read: () => Promise<Gpu[]>, { uuid }: Pick<Gpu, "uuid">) {
    this.#read = read;
    this.#uuid = uuid;
  }

  /** Looks once, and again later, until it is stopped. */
  async look(): Promise<void> {
    // A driver that fails for a moment leaves a gap in the figures, and that is all.
    const gpus = await this.#read().catch(() => []);
    this.#seen = gpus.find(({ uuid }) => uuid === this.#uuid) ?? null;
    if (!this.#stopped) this.#timer = setTimeout(() => this.look(), PERIOD_MS);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** The event with what was seen since the last step that had it. */
  stamped(received: ReceivedEvent): ReceivedEvent {
    const { event } = received;
    if (event.type !== "trainStep" || this.#seen === null) return received;
    const { usedBytes, busy } = this.#seen;
    this.#seen = null;
    const stamped = Object.assign({}, event, { mem_vram: usedBytes, gpu_util: busy });
    return { ...received, event: stamped, json: JSON.stringify(stamped) };
  }
}

/** The worker with figures of its GPU in its steps; the GPU is given back when it is gone. */
export function workerOnGpu(
  worker: LaunchedWorker,
  lease: GpuLease,
  read: () => Promise<Gpu[]>,
): LaunchedWorker {
  const meter = new GpuMeter(read, lease.gpu);
  void meter.look();
  const { process, link } = worker;
  return {
    process,
    link: {
      send: link.send.bind(link),
      acknowledge: link.acknowledge.bind(link),
      onEvent: (handler) => link.onEvent((received) => handler(meter.stamped(received))),
      closed: link.closed,
    },
    exited: worker.exited.finally(() => {
      meter.stop();
      lease.release();
    }),
    stop: (cause, graceMs) => worker.stop(cause, graceMs),
  };
}
