/** How much may wait for a server, in characters of JSON. */
export interface BacklogLimits {
  /** Kept in memory; what is beyond goes to disk. */
  memory: number;
  /** Kept on disk; past it, {@linkcode Backlog.full} says to wait. */
  disk: number;
}

/** A file of events that memory had no room for. */
interface Chunk {
  path: string;
  first: number;
  last: number;
  size: number;
}

/**
 * Numbered events that no server has acknowledged yet, oldest first: the older ones in files, the
 * newer ones in memory. Adding never waits; who adds looks at `full` now and then.
 */
export class Backlog {
  readonly #folder: string;
  readonly #limits: BacklogLimits;
  #chunks: Chunk[] = [];
  #onDisk = 0;
  #lines: string[] = [];
  /** Number of `#lines[0]`. */
  #first = 1;
  #inMemory = 0;
  #files = 0;
  #diskBroken = false;

  /** @param folder Made when it is needed, removed by `close()`. */
  constructor(folder: string, limits: BacklogLimits) {
    this.#folder = folder;
    this.#limits = limits;
  }

  /** Number of the oldest event that is still here; past the newest one when there is none. */
  get oldest(): number {
    return this.#chunks[0]?.first ?? this.#first;
  }

  /** Number of the newest event ever added. */
  get newest(): number {
    return this.#first + this.#lines.length - 1;
  }

  /** Whether more should only be added once a server has taken some. */
  get full(): boolean {
    return this.#inMemory >= this.#limits.memory && !this.#maySpill;
  }

  /** Adds the next event: its number is one above the newest. */
  add(json: string): void {
    this.#lines.push(json);
    this.#inMemory += json.length + 1;
    if (this.#inMemory >= this.#limits.memory && this.#maySpill) this.#spill();
  }

  /** Lets go of every event up to this number. */
  acknowledge(eventSeq: number): void {
    while (this.#chunks.length > 0 && this.#chunks[0]!.last <= eventSeq) {
      const { path, size } = this.#chunks.shift()!;
      this.#onDisk -= size;
      Deno.removeSync(path);
    }
    const gone = Math.min(eventSeq, this.newest) - this.#first + 1;
    if (gone <= 0) return;
    for (const line of this.#lines.splice(0, gone)) this.#inMemory -= line.length + 1;
    this.#first += gone;
  }

  /** Lets go of everything. */
  forget(): void {
    this.acknowledge(this.newest);
  }

  /**
   * The next events after this number as lines, about `size` characters of them or one file's
   * worth, and the number of the last; null when there is none.
   */
  after(eventSeq: number, size: number): { text: string; last: number } | null {
    const from = Math.max(eventSeq + 1, this.oldest);
    const chunk = this.#chunks.find(({ last }) => last >= from);
    if (chunk !== undefined) {
      const lines = Deno.readTextFileSync(chunk.path).split("\n");
      return { text: lines.slice(from - chunk.first).join("\n"), last: chunk.last };
    }
    let last = from - 1;
    let text = "";
    while (last < this.newest && text.length < size) {
      text += this.#lines[++last - this.#first] + "\n";
    }
    return text === "" ? null : { text, last };
  }

  /** Removes its files. */
  close(): void {
    this.forget();
    if (this.#files === 0) return;
    try {
      Deno.removeSync(this.#folder, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  get #maySpill(): boolean {
    return !this.#diskBroken && this.#onDisk + this.#inMemory <= this.#limits.disk;
  }

  #spill(): void {
    const text = this.#lines.join("\n") + "\n";
    const path = `${this.#folder}/${String(++this.#files).padStart(6, "0")}.jsonl`;
    try {
      Deno.mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      Deno.writeTextFileSync(path, text, { mode: 0o600 });
    } catch {
      // No disk to be had: memory alone bounds it from now on, and training waits the sooner.
      this.#diskBroken = true;
      return;
    }
    this.#chunks.push({ path, first: this.#first, last: this.newest, size: text.length });
    this.#onDisk += text.length;
    this.#first += this.#lines.length;
    this.#lines = [];
    this.#inMemory = 0;
  }
}
