import { parseSafetensorsHeader, SafetensorsError } from "../protocol/safetensors_header.ts";
import { asSource, type ByteSource } from "./byte_source.ts";
import type { Dataset } from "./dataset.ts";
import type { FileColumn } from "./file_column.ts";
import { fileDataset, type FileDatasetOptions } from "./file_dataset.ts";

/** Options of {@linkcode safetensors}. */
export interface SafetensorsOptions extends FileDatasetOptions {
  /** Name of the tensor of inputs. */
  xs: string;
  /** Name of the tensor of targets. */
  ys: string;
}

/**
 * A dataset of two tensors of a safetensors file, [samples, ...] each. Given bytes it is held in
 * memory; given what `ctx.open()` answers, each batch reads its own rows.
 *
 * @throws {SafetensorsError} that names the file and what is wrong with it.
 * @throws {RangeError} when there is no such tensor, or unless both have one row a sample.
 * @throws {TypeError} that names the row that is no class, or too large for an int32.
 */
export async function safetensors(
  file: Uint8Array | ByteSource,
  { xs, ys, ...options }: SafetensorsOptions,
): Promise<Dataset> {
  const { source, columns } = await safetensorsColumns(file);
  const column = (tensor: string): FileColumn => {
    const found = columns.get(tensor);
    if (found !== undefined) return found;
    throw new RangeError(
      `${source.name} has no tensor ${tensor}; there are ${[...columns.keys()].join(", ")}`,
    );
  };
  return await fileDataset(column(xs), column(ys), options, file instanceof Uint8Array);
}

/**
 * The tensors of a safetensors file by name, none of them read yet.
 *
 * @throws {SafetensorsError} that names the file and what is wrong with it.
 */
export async function safetensorsColumns(
  file: Uint8Array | ByteSource,
): Promise<{ source: ByteSource; columns: Map<string, FileColumn> }> {
  const source = asSource(file, "the safetensors file");
  const { tensors, headerBytes } = await readHeader(source);
  const columns = Object.entries(tensors).map(([name, { dtype, shape, offsets: [begin] }]) => {
    const place = `${source.name}: ${name}`;
    return [name, { source, offset: headerBytes + begin, shape, dtype, place }] as const;
  });
  return { source, columns: new Map(columns) };
}

async function readHeader(source: ByteSource) {
  try {
    const start = await source.read(0, Math.min(8, source.size));
    const length = start.length < 8 ? 0 : Number(new DataView(start.buffer).getBigUint64(0, true));
    const bytes = await source.read(0, Math.min(8 + Math.min(length, 100_000_000), source.size));
    return parseSafetensorsHeader(bytes, source.size);
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    throw new SafetensorsError(`${source.name}: ${error.message}`, { cause: error });
  }
}
