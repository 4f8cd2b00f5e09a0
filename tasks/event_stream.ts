/** One event of a server-sent event stream. */
export interface StreamEvent {
  /** What `Last-Event-ID` takes to go on after it. */
  id: string;
  type: string;
  /** JSON text. */
  data: string;
}

/** Takes a server-sent event stream apart, however its bytes were cut. */
export class EventStreamParser {
  readonly #decoder = new TextDecoder();
  #rest = "";
  #id = "";
  #type = "";
  #data: string[] = [];
  /** Delay before a reconnect that the server asked for, in milliseconds. */
  retryMs: number | null = null;

  /** What `Last-Event-ID` takes to go on behind all that was read; empty when the server gave none. */
  get lastEventId(): string {
    return this.#id;
  }

  /** The events that end in this chunk. */
  push(chunk: Uint8Array): StreamEvent[] {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    const events: StreamEvent[] = [];
    for (const line of lines) {
      const event = this.#line(line.endsWith("\r") ? line.slice(0, -1) : line);
      if (event !== null) events.push(event);
    }
    return events;
  }

  #line(line: string): StreamEvent | null {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "id") this.#id = value;
    else if (field === "event") this.#type = value;
    else if (field === "data") this.#data.push(value);
    else if (field === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
    return null;
  }

  #dispatch(): StreamEvent | null {
    const data = this.#data;
    const type = this.#type;
    this.#data = [];
    this.#type = "";
    if (data.length === 0) return null;
    return { id: this.#id, type: type === "" ? "message" : type, data: data.join("\n") };
  }
}
