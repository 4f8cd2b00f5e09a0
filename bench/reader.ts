/**
 * A cheap reader of event streams, in a process of its own, so that reading does not slow what is
 * read. Prints `ready` when its streams are open, then how each did, as JSON.
 *
 *   deno run -A bench/reader.ts URL READERS EVENTS
 *
 * Each reader ends after EVENTS events; 0 reads until the stream or the process ends.
 */

/** How one reader did. */
export interface ReaderResult {
  events: number;
  /** Events whose number was not the one after the last. */
  gaps: number;
  /** From the first bytes to the last, in milliseconds. */
  ms: number;
}

const ID_MARK = new TextEncoder().encode("\nid: ");

/** Counts events by their ids without decoding what they say. */
export class EventCounter {
  events = 0;
  gaps = 0;
  #last = -1;
  #rest: Uint8Array = new Uint8Array(0);

  push(chunk: Uint8Array): void {
    const bytes = this.#rest.length === 0 ? chunk : joined(this.#rest, chunk);
    let at = 0;
    for (;;) {
      const mark = find(bytes, ID_MARK, at);
      const end = mark < 0 ? -1 : bytes.indexOf(10, mark + ID_MARK.length);
      if (end < 0) break;
      // An id with no data behind it says where the stream stands and is no event.
      if (end + 1 >= bytes.length) break;
      if (bytes[end + 1] !== 10) this.#count(numberAtEnd(bytes, end));
      at = end;
    }
    this.#rest = bytes.slice(at);
  }

  #count(seq: number): void {
    this.events++;
    if (this.#last >= 0 && seq !== this.#last + 1) this.gaps++;
    this.#last = seq;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

function find(bytes: Uint8Array, mark: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(10, from); at >= 0; at = bytes.indexOf(10, at + 1)) {
    if (at + mark.length > bytes.length) return -1;
    if (bytes[at + 1] === mark[1] && bytes[at + 2] === mark[2] && bytes[at + 3] === mark[3]) {
      return at;
    }
  }
  return -1;
}

/** The decimal number whose last digit stands before `end`. */
function numberAtEnd(bytes: Uint8Array, end: number): number {
  let value = 0;
  let place = 1;
  for (let at = end - 1; at >= 0; at--) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) break;
    value += digit * place;
    place *= 10;
  }
  return value;
}

async function read(response: Response, limit: number): Promise<ReaderResult> {
  const counter = new EventCounter();
  const began = performance.now();
  let ms = 0;
  for await (const chunk of response.body!) {
    counter.push(chunk);
    ms = performance.now() - began;
    if (limit > 0 && counter.events >= limit) break;
  }
  return { events: counter.events, gaps: counter.gaps, ms };
}

if (import.meta.main) {
  const [url, readers, limit] = Deno.args as [string, string, string];
  const responses = await Promise.all(
    Array.from({ length: Number(readers) }, () => fetch(url)),
  );
  console.log("ready");
  const results = responses.map((response) => read(response, Number(limit)));
  console.log(JSON.stringify(await Promise.all(results)));
  Deno.exit(0);
}
