/**
 * Standard input of this process, read by a thread.
 *
 * A training loop keeps the event loop busy, and a busy event loop takes what another thread has
 * read only once in some 60 turns. What a thread of ours has read can be taken without a turn: with
 * it a pause waited 8 ms for its receipt, where it had waited 15 ms with 16 turns every 4 ms and
 * 245 ms with one (`deno task bench control_latency`).
 */
import { receiveMessageOnPort } from "node:worker_threads";

const { load, waitAsync } = Atomics;
const { apply } = Reflect;
const setBytes = Uint8Array.prototype.set;
const takeMessage = receiveMessageOnPort as (port: unknown) => { message: unknown } | undefined;

/** Most bytes of one chunk. */
const CHUNK_BYTES = 64 * 1024;

/** Reads standard input in a thread. Nobody else may read it from then on. */
export class InputThread {
  readonly #port: MessagePort;
  /** How many chunks the thread has sent. */
  readonly #sent = new Int32Array(new SharedArrayBuffer(4));
  #ended = false;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const thread = new Worker(new URL("./read_input.ts", import.meta.url), { type: "module" });
    const options = { port: port2, sent: this.#sent.buffer, chunkBytes: CHUNK_BYTES };
    thread.postMessage(options, [port2]);
  }

  /** What has arrived already: how many bytes, null at the end, undefined where there is nothing. */
  readNow(into: Uint8Array): number | null | undefined {
    if (this.#ended) return null;
    const message = takeMessage(this.#port)?.message;
    if (message === undefined) return undefined;
    if (message === null) {
      this.#ended = true;
      return null;
    }
    const chunk = message as Uint8Array;
    apply(setBytes, into, [chunk]);
    return chunk.length;
  }

  /** Waits for bytes; null at the end. */
  async read(into: Uint8Array): Promise<number | null> {
    for (;;) {
      // Asked first: what arrives in between is then no reason to wait.
      const sent = load(this.#sent, 0);
      const count = this.readNow(into);
      if (count !== undefined) return count;
      const changed = waitAsync(this.#sent, 0, sent);
      if (changed.async) await changed.value;
    }
  }
}
