import { createHash, type Hash } from "node:crypto";
import { ITEMS_FILE, type SuspectItem, type SuspectsResult } from "../../protocol/suspects.ts";

/** Items of one kind that are kept. */
const MOST_KEPT = 100_000;

/** The items on their way to `<folder>/items.jsonl`, one JSON object a line. */
export class ItemFile implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #hash: Hash = createHash("sha256");
  #bytes = 0;

  /** @throws {Deno.errors} when the file cannot be made. */
  constructor(folder: string) {
    const path = `${folder}/${ITEMS_FILE}`;
    this.#file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
  }

  /** Adds items of one kind, most suspect first; answers how many were kept. */
  add(items: readonly SuspectItem[]): number {
    const kept = items.slice(0, MOST_KEPT);
    for (const item of kept) {
      const line = new TextEncoder().encode(`${JSON.stringify(item)}\n`);
      for (let at = 0; at < line.length;) at += this.#file.writeSync(line.subarray(at));
      this.#hash.update(line);
      this.#bytes += line.length;
    }
    return kept.length;
  }

  /** What is there now. */
  finish(): SuspectsResult["file"] {
    return { bytes: this.#bytes, sha256: this.#hash.digest("hex") };
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
