/**
 * What carries a trainer's lines: here standard input and output of a worker.
 *
 * What this file needs of JavaScript and Deno it takes when it is imported, before any job module
 * runs. The token is kept as bytes and never as a string, because a heap snapshot, which a module
 * may take, shows strings and not the contents of buffers.
 */
import { InputThread } from "./input_thread.ts";

const encoder = new TextEncoder();
const encode = encoder.encode.bind(encoder);
const encodeInto = encoder.encodeInto.bind(encoder);
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const decode = decoder.decode.bind(decoder);
const { apply } = Reflect;
const indexOfString = String.prototype.indexOf;
const sliceString = String.prototype.slice;
const subarray = Uint8Array.prototype.subarray;
const setBytes = Uint8Array.prototype.set;
const NativeUint8Array = Uint8Array;

const LINE_BREAK = 10;
/** Bytes asked of standard input at once. */
const READ_BYTES = 64 * 1024;
/** Bytes of the buffer that frames gather in; a longer frame gets one of its own. */
const BUFFER_BYTES = 64 * 1024;

/** Carries lines both ways. The channel above it knows what they mean. */
export interface TrainerTransport {
  /** Adds a frame to what waits; `eventSeq` numbers it if it is an event. */
  frame(json: string, eventSeq?: number): void;
  /** Bytes that wait. */
  readonly waiting: number;
  /**
   * Hands over what waits, and returns when the other side's pipe has it all.
   * @throws {Error} when the other side is gone; what waited is dropped.
   */
  flush(): void;
  /** The next line of input without its break, or null when the input has ended. */
  readLine(): Promise<string | null>;
  /** Whether `arrivedLine()` sees what comes; absent where only the event loop brings lines. */
  readonly looks?: boolean;
  /** The next line that has arrived: null at the end, undefined where there is none. */
  arrivedLine?(): string | null | undefined;
  /** Whether somebody is at the other end; absent where it always is. */
  readonly linked?: boolean;
  /** Resolves when events may be added without waiting; absent where a flush waits itself. */
  room?(): Promise<void>;
}

/** The two ends that a {@linkcode StdioTransport} works on; `Deno.stdin` and `Deno.stdout` fit. */
export interface StdioEnds {
  read(into: Uint8Array): Promise<number | null>;
  /** What has arrived already; undefined where there is nothing. */
  readNow?(into: Uint8Array): number | null | undefined;
  writeSync(bytes: Uint8Array): number;
}

/** Lines over standard input and output. */
export class StdioTransport implements TrainerTransport {
  #ends: StdioEnds;
  #frameStart = new NativeUint8Array(0);
  #buffer = new NativeUint8Array(BUFFER_BYTES);
  #waiting = 0;
  readonly #chunk = new NativeUint8Array(READ_BYTES);
  /** Input that holds no line break, and what came behind it. */
  #head = "";
  #input = "";
  #inputEnded = false;

  constructor(ends: StdioEnds) {
    this.#ends = ends;
  }

  /** Begins each frame from now on with a line break and the token. */
  begin(token: string): void {
    this.#frameStart = encode("\n" + token);
  }

  get waiting(): number {
    return this.#waiting;
  }

  frame(json: string): void {
    const start = this.#frameStart;
    // UTF-8 takes at most three bytes for each UTF-16 unit.
    const atMost = start.length + json.length * 3 + 1;
    if (this.#waiting + atMost > this.#buffer.length) this.#makeRoom(atMost);
    apply(setBytes, this.#buffer, [start, this.#waiting]);
    this.#waiting += start.length;
    this.#waiting += encodeInto(json, apply(subarray, this.#buffer, [this.#waiting])).written;
    this.#buffer[this.#waiting++] = LINE_BREAK;
  }

  flush(): void {
    const total = this.#waiting;
    this.#waiting = 0;
    for (let written = 0; written < total;) {
      written += this.#ends.writeSync(apply(subarray, this.#buffer, [written, total]));
    }
    if (this.#buffer.length > BUFFER_BYTES) this.#buffer = new NativeUint8Array(BUFFER_BYTES);
  }

  /** Reads through a thread from now on, so that {@linkcode arrivedLine} sees what comes. */
  readByThread(): void {
    const thread = new InputThread();
    this.#ends = {
      read: (into) => thread.read(into),
      readNow: (into) => thread.readNow(into),
      writeSync: this.#ends.writeSync,
    };
  }

  get looks(): boolean {
    return this.#ends.readNow !== undefined;
  }

  async readLine(): Promise<string | null> {
    for (;;) {
      const line = this.#takeLine();
      if (line !== undefined) return line;
      this.#add(await this.#ends.read(this.#chunk));
    }
  }

  arrivedLine(): string | null | undefined {
    for (;;) {
      const line = this.#takeLine();
      if (line !== undefined) return line;
      const count = this.#ends.readNow?.(this.#chunk);
      if (count === undefined) return undefined;
      this.#add(count);
    }
  }

  /** A line that is there in full, null at the end, undefined where more has to come. */
  #takeLine(): string | null | undefined {
    const end = apply(indexOfString, this.#input, ["\n"]);
    if (end >= 0) {
      const line = this.#head + apply(sliceString, this.#input, [0, end]);
      this.#head = "";
      this.#input = apply(sliceString, this.#input, [end + 1]);
      return line;
    }
    this.#head += this.#input;
    this.#input = "";
    if (!this.#inputEnded) return undefined;
    const rest = this.#head;
    this.#head = "";
    return rest === "" ? null : rest;
  }

  #add(count: number | null): void {
    if (count === null) {
      this.#inputEnded = true;
      this.#input += decode();
    } else {
      this.#input += decode(apply(subarray, this.#chunk, [0, count]), { stream: true });
    }
  }

  #makeRoom(bytes: number): void {
    const needed = this.#waiting + bytes;
    const larger = new NativeUint8Array(needed);
    apply(setBytes, larger, [apply(subarray, this.#buffer, [0, this.#waiting])]);
    this.#buffer = larger;
  }
}

/** Standard input and output of this process. */
export function stdioEnds(): StdioEnds {
  return {
    read: Deno.stdin.read.bind(Deno.stdin),
    writeSync: Deno.stdout.writeSync.bind(Deno.stdout),
  };
}
