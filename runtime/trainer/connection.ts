import { MAX_ATTACHED_LINE } from "../protocol/attachment.ts";

const READ_BYTES = 64 * 1024;

/** One TCP connection that carries lines: reads them, and writes what is asked for when woken. */
export class Connection {
  readonly #socket: Deno.TcpConn;
  readonly #encoder = new TextEncoder();
  #queue = "";
  #ended = false;
  #woken = Promise.withResolvers<void>();

  private constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
  }

  /** Null when nobody listens there, or the network is not to be had. */
  static async open(hostname: string, port: number): Promise<Connection | null> {
    try {
      const socket = await Deno.connect({ hostname, port });
      socket.setNoDelay(true);
      return new Connection(socket);
    } catch {
      // Whatever the reason, training goes on without and the next dial may find more.
      return null;
    }
  }

  /** Queues text, ahead of what `run` asks for. */
  write(text: string): void {
    this.#queue += text;
    this.wake();
  }

  /** There may be more to write. */
  wake(): void {
    this.#woken.resolve();
  }

  /** Hangs up, after what is queued has had its chance. */
  close(): void {
    this.#ended = true;
    this.wake();
  }

  /** Reads and writes until either side hangs up. `next` is asked for text until it has none. */
  async run(onLine: (line: string) => void, next: () => string | null): Promise<void> {
    const reading = this.#read(onLine);
    await this.#writeOn(next);
    try {
      this.#socket.close();
    } catch {
      // The other side was faster.
    }
    await reading;
  }

  async #writeOn(next: () => string | null): Promise<void> {
    try {
      for (;;) {
        const queued = this.#queue;
        this.#queue = "";
        const text = queued === "" && !this.#ended ? next() : queued;
        if (text !== null && text !== "") {
          const bytes = this.#encoder.encode(text);
          for (let at = 0; at < bytes.length;) {
            at += await this.#socket.write(bytes.subarray(at));
          }
        } else if (this.#ended) {
          return;
        } else {
          await this.#woken.promise;
          this.#woken = Promise.withResolvers();
        }
      }
    } catch {
      // The other side is gone: whoever runs this connection dials again.
      this.#ended = true;
    }
  }

  async #read(onLine: (line: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    const chunk = new Uint8Array(READ_BYTES);
    let head = "";
    try {
      for (;;) {
        const count = await this.#socket.read(chunk);
        if (count === null || this.#ended) break;
        const lines = (head + decoder.decode(chunk.subarray(0, count), { stream: true }))
          .split("\n");
        head = lines.pop()!;
        if (head.length > MAX_ATTACHED_LINE) break;
        lines.forEach(onLine);
      }
    } catch {
      // A broken connection is an ended one.
    }
    this.close();
  }
}
