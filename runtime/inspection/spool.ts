import { createHash, type Hash } from "node:crypto";
import { type ColumnFile, type ColumnName, COLUMNS } from "../protocol/report.ts";

/** Values of a column. */
export type ColumnValues = Float32Array | Int32Array;

const VALUE_BYTES = 4;

interface Column {
  file: Deno.FsFile;
  hash: Hash;
  buffer: Uint8Array<ArrayBuffer>;
  filled: number;
  bytes: number;
}

/**
 * Columns on their way to disk, one file each: `<folder>/<name>`. No more than the budget of bytes
 * waits in memory, however many rows there are.
 */
export class Spool implements Disposable {
  readonly #columns = new Map<ColumnName, Column>();

  /** @throws {Deno.errors} when a file cannot be made. */
  constructor(folder: string, names: readonly ColumnName[], budgetBytes = 2 ** 20) {
    const share = Math.floor(budgetBytes / names.length / VALUE_BYTES) * VALUE_BYTES;
    for (const name of names) {
      this.#columns.set(name, {
        file: Deno.openSync(`${folder}/${name}`, { write: true, createNew: true, mode: 0o600 }),
        hash: createHash("sha256"),
        buffer: new Uint8Array(Math.max(VALUE_BYTES, share)),
        filled: 0,
        bytes: 0,
      });
    }
  }

  /** Adds rows to one column; one that is not kept is passed over. @throws when the disk is full. */
  add(name: ColumnName, values: ColumnValues): void {
    const column = this.#columns.get(name);
    if (column === undefined) return;
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + column.buffer.length - column.filled);
      column.buffer.set(part, column.filled);
      column.filled += part.length;
      at += part.length;
      if (column.filled === column.buffer.length) flush(column);
    }
  }

  /** Writes what waits; answers what there is, in the order of the names. */
  finish(): ColumnFile[] {
    return [...this.#columns].map(([name, column]) => {
      flush(column);
      const sha256 = column.hash.digest("hex");
      return { name, dtype: COLUMNS[name], bytes: column.bytes, sha256 };
    });
  }

  [Symbol.dispose](): void {
    for (const { file } of this.#columns.values()) file.close();
  }
}

/** Reads a column back. */
export function readColumn(folder: string, name: ColumnName): ColumnValues {
  const { buffer } = Deno.readFileSync(`${folder}/${name}`);
  return COLUMNS[name] === "f32" ? new Float32Array(buffer) : new Int32Array(buffer);
}

function flush(column: Column): void {
  const bytes = column.buffer.subarray(0, column.filled);
  for (let at = 0; at < bytes.length;) at += column.file.writeSync(bytes.subarray(at));
  column.hash.update(bytes);
  column.bytes += bytes.length;
  column.filled = 0;
}
