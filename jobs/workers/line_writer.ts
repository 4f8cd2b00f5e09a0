/**
 * Writes lines to a stream that may be slow, stuck or gone, and never makes its caller wait: lines
 * queue up, and go out together. What a reader that has gone does not take is dropped.
 */
export class LineWriter {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();
  #queue = "";
  #latest = "";
  #busy = false;
  #closing = false;
  #closed = false;
  #draining: Promise<void> = Promise.resolve();

  constructor(stream: WritableStream<Uint8Array>) {
    this.#writer = stream.getWriter();
    // A reader that has gone is told by the write that fails; `closed` would tell it twice.
    this.#writer.closed.catch(() => {});
  }

  /** Queues a line. */
  write(line: string): void {
    if (this.#closing) return;
    this.#queue += line + "\n";
    this.#begin();
  }

  /** Queues a line in place of the last one queued so, if that has not gone out yet. */
  writeLatest(line: string): void {
    if (this.#closing) return;
    this.#latest = line + "\n";
    this.#begin();
  }

  /** Resolves when nothing waits any more, or nobody takes it. */
  async flushed(): Promise<void> {
    await this.#draining;
  }

  /** Closes the stream when the queue has gone out. */
  close(): void {
    this.#closing = true;
    this.#begin();
  }

  #begin(): void {
    if (!this.#busy && !this.#closed) this.#draining = this.#drain();
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    try {
      while (this.#queue !== "" || this.#latest !== "") {
        const text = this.#queue + this.#latest;
        this.#queue = this.#latest = "";
        await this.#writer.write(this.#encoder.encode(text));
      }
      if (this.#closing) await this.#end();
    } catch {
      // The reader is gone: whoever waits for its answers learns it from the end of its output.
      this.#closed = this.#closing = true;
      this.#queue = this.#latest = "";
    }
    this.#busy = false;
  }

  async #end(): Promise<void> {
    this.#closed = true;
    await this.#writer.close();
  }
}
