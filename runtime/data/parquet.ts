import { asSource, type ByteSource } from "./byte_source.ts";
import type { Dataset } from "./dataset.ts";
import { HostDataset } from "./host_dataset.ts";

/** Options of {@linkcode parquet}. */
export interface ParquetOptions {
  /** Name of the column of targets. */
  label: string;
  /** Names of the columns of inputs, in this order; without it all but `label`. */
  columns?: readonly string[];
  /** Number of classes: the target becomes a one-hot row. Without it the target is a number. */
  classes?: number;
  /** What inputs are multiplied by. Default 1. */
  scale?: number;
  /** Names of the classes, by class index. */
  classNames?: readonly string[];
}

/**
 * A dataset of the numeric columns of a Parquet file (uncompressed or snappy): xs float32 [samples,
 * columns], ys float32 [samples, classes], or [samples, 1] without `classes`. The file is read a row
 * group at a time; the numbers are held in memory, 4 bytes each.
 *
 * @throws {TypeError} that names file, row (from 0) and column of what is no number or no class.
 * @throws {RangeError} when there is no such column.
 */
export async function parquet(
  file: Uint8Array | ByteSource,
  options: ParquetOptions,
): Promise<Dataset> {
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import("hyparquet");
  const source = asSource(file, "the parquet file");
  const buffer = {
    byteLength: source.size,
    slice: async (from: number, to = source.size) => (await source.read(from, to)).buffer,
  };
  const metadata = await readable(source.name, () => parquetMetadataAsync(buffer));
  const names = parquetSchema(metadata).children.map(({ element }) => element.name);
  const { label, scale = 1, classes } = options;
  const columns = options.columns ?? names.filter((name) => name !== label);
  for (const name of [...columns, label]) {
    if (names.includes(name)) continue;
    throw new RangeError(`${source.name} has no column ${name}; there are ${names.join(", ")}`);
  }
  const rows = Number(metadata.num_rows);
  const xs = new Float32Array(rows * columns.length);
  const width = classes ?? 1;
  const ys = new Float32Array(rows * width);
  let row = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = row + Number(group.num_rows);
    const range = { rowStart: row, rowEnd, columns: [...columns, label] };
    const objects = await readable(
      source.name,
      () => parquetReadObjects({ file: buffer, metadata, ...range }),
    );
    for (const object of objects) {
      columns.forEach((name, at) => {
        xs[row * columns.length + at] = numberAt(source.name, row, name, object[name]) * scale;
      });
      const target = numberAt(source.name, row, label, object[label]);
      if (classes === undefined) ys[row] = target;
      else ys[row * width + classAt(source.name, row, label, target, classes)] = 1;
      row++;
    }
  }
  return new HostDataset(
    { values: xs, shape: [rows, columns.length], dtype: "float32" },
    { values: ys, shape: [rows, width], dtype: "float32" },
    options.classNames,
  );
}

async function readable<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`${name} cannot be read: ${reason}`, { cause });
  }
}

function numberAt(file: string, row: number, column: string, value: unknown): number {
  if (typeof value === "boolean" || typeof value === "bigint") return Number(value);
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new TypeError(`${file}, row ${row}, column ${column}: ${value} is not a number`);
}

function classAt(file: string, row: number, column: string, value: number, classes: number) {
  if (Number.isInteger(value) && value >= 0 && value < classes) return value;
  throw new TypeError(
    `${file}, row ${row}, column ${column}: ${value} is not a class from 0 to ${classes - 1}`,
  );
}
