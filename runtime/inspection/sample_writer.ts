import { makeVector, type RecordBatch, RecordBatchFileWriter, Table } from "apache-arrow";
import { fileWriter, ParquetWriter } from "hyparquet-writer";
import type { ExportFormat } from "../protocol/export.ts";

/** Some rows of a table: each column as long as the others. */
export type Rows = ReadonlyMap<string, Float32Array | Int32Array>;

/** Writes a table to a file, some rows at a time. @throws when the disk is full. */
export interface SampleWriter {
  write(rows: Rows): void;
  /** Everything is on disk once it returns. */
  finish(): Promise<void>;
}

/** Opens a new file of a format. Whole columns are held only where the format needs them. */
export function openSampleWriter(format: ExportFormat, path: string): SampleWriter {
  return WRITERS[format](path);
}

const WRITERS: Record<ExportFormat, (path: string) => SampleWriter> = {
  csv: (path) => new TextWriter(path, csvLines),
  jsonl: (path) => new TextWriter(path, jsonLines),
  parquet: (path) => new ParquetFile(path),
  arrow: (path) => new ArrowFile(path),
};

class TextWriter implements SampleWriter {
  readonly #file: Deno.FsFile;
  readonly #lines: (rows: Rows, first: boolean) => string;
  #first = true;

  constructor(path: string, lines: (rows: Rows, first: boolean) => string) {
    this.#file = Deno.openSync(path, { write: true, create: true, mode: 0o600 });
    this.#lines = lines;
  }

  write(rows: Rows): void {
    const bytes = new TextEncoder().encode(this.#lines(rows, this.#first));
    this.#first = false;
    for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
  }

  finish(): Promise<void> {
    this.#file.close();
    return Promise.resolve();
  }
}

/** What is not finite is an empty cell, which is what pandas reads as missing. */
function csvLines(rows: Rows, first: boolean): string {
  const names = [...rows.keys()];
  const columns = [...rows.values()];
  const lines = first ? [names.join(",")] : [];
  for (let row = 0; row < columns[0]!.length; row++) {
    lines.push(
      columns.map((column) => Number.isFinite(column[row]) ? String(column[row]) : "").join(","),
    );
  }
  return `${lines.join("\n")}\n`;
}

function jsonLines(rows: Rows): string {
  const columns = [...rows];
  const lines: string[] = [];
  for (let row = 0; row < columns[0]![1].length; row++) {
    lines.push(JSON.stringify(
      Object.fromEntries(columns.map(([name, values]) => [name, values[row]])),
    ));
  }
  return `${lines.join("\n")}\n`;
}

class ParquetFile implements SampleWriter {
  readonly #path: string;
  #writer: ParquetWriter | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  write(rows: Rows): void {
    const writer = this.#writer ??= new ParquetWriter({
      writer: fileWriter(this.#path),
      schema: [
        { name: "root", num_children: rows.size },
        ...[...rows].map(([name, values]) => ({
          name,
          type: values instanceof Int32Array ? "INT32" as const : "FLOAT" as const,
          repetition_type: "REQUIRED" as const,
        })),
      ],
    });
    const count = [...rows.values()][0]!.length;
    const columnData = [...rows].map(([name, data]) => ({ name, data }));
    void writer.write({ columnData, rowGroupSize: count });
  }

  async finish(): Promise<void> {
    await this.#writer?.finish();
  }
}

/** The file format ("feather v2"): its footer wants to know every batch, so they wait in memory. */
class ArrowFile implements SampleWriter {
  readonly #path: string;
  readonly #batches: RecordBatch[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  write(rows: Rows): void {
    const columns = [...rows].map(([name, values]) => [name, makeVector(values)]);
    this.#batches.push(...new Table(Object.fromEntries(columns)).batches);
  }

  async finish(): Promise<void> {
    const bytes = await RecordBatchFileWriter.writeAll(this.#batches).toUint8Array();
    Deno.writeFileSync(this.#path, bytes, { mode: 0o600 });
  }
}
