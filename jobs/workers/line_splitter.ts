/** Longest output line of a module that is kept, in characters; the rest of it is discarded. */
export const MAX_OUTPUT_LINE = 16 * 1024;
/** Longest protocol line, in characters. */
export const MAX_PROTOCOL_LINE = 16 * 1024 * 1024;

/** Who gets the lines. Neither is called with an empty line, nor with the line break. */
export interface LineReceiver {
  /** A line that began with the token, without it; null when it was longer than is allowed. */
  protocol(json: string | null): void;
  /** Any other line; `truncated` when its end was discarded. */
  output(line: string, truncated: boolean): void;
}

/**
 * Cuts a stream of bytes into lines, and tells protocol lines from other output by the token that
 * begins them. Memory is bounded whatever the stream holds: of a line that is too long only the
 * part that is kept is ever stored.
 */
export class LineSplitter {
  readonly #token: string | null;
  readonly #receiver: LineReceiver;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** The line begun by earlier chunks, as far as it is kept. */
  #head = "";
  /** How long that line may get; decided once, when enough of it is there to see the token. */
  #limit: number | null = null;
  #discarding = false;

  /** @param token What begins a protocol line; null when there are none. */
  constructor(token: string | null, receiver: LineReceiver) {
    this.#token = token;
    this.#receiver = receiver;
  }

  /** Takes the next bytes. Calls the receiver for each line that they end. */
  push(chunk: Uint8Array): void {
    this.#take(this.#decoder.decode(chunk, { stream: true }));
  }

  /** Takes the end of the stream, which ends the last line too. */
  end(): void {
    this.#take(this.#decoder.decode());
    this.#endLine("");
  }

  #take(text: string): void {
    let from = 0;
    for (let to = text.indexOf("\n"); to >= 0; to = text.indexOf("\n", from)) {
      this.#endLine(text.slice(from, to));
      from = to + 1;
    }
    if (from < text.length) this.#keep(text.slice(from));
  }

  #keep(part: string): void {
    if (this.#discarding) return;
    this.#head += part;
    if (this.#limit === null && this.#head.length >= (this.#token?.length ?? 0)) {
      this.#limit = this.#isProtocol(this.#head) ? MAX_PROTOCOL_LINE : MAX_OUTPUT_LINE;
    }
    if (this.#limit === null || this.#head.length <= this.#limit) return;
    this.#head = this.#head.slice(0, this.#limit);
    this.#discarding = true;
  }

  #endLine(part: string): void {
    if (this.#head !== "") {
      this.#keep(part);
      part = this.#head;
      this.#head = "";
    }
    const discarded = this.#discarding;
    this.#discarding = false;
    this.#limit = null;
    if (part === "") return;
    if (this.#isProtocol(part)) {
      const tooLong = discarded || part.length > MAX_PROTOCOL_LINE;
      return this.#receiver.protocol(tooLong ? null : part.slice(this.#token?.length));
    }
    if (part.endsWith("\r")) part = part.slice(0, -1);
    if (part === "") return;
    const truncated = discarded || part.length > MAX_OUTPUT_LINE;
    this.#receiver.output(truncated ? part.slice(0, MAX_OUTPUT_LINE) : part, truncated);
  }

  #isProtocol(line: string): boolean {
    return this.#token !== null && line.startsWith(this.#token);
  }
}
