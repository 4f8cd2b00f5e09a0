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
  const source = asSource(file, "the safetensors file");
  const { tensors, headerBytes } = await readHeader(source);
  const column = (tensor: string): FileColumn => {
    const entry = Object.hasOwn(tensors, tensor) ? tensors[tensor] : undefined;
    if (entry === undefined) {
      throw new RangeError(
        `${source.name} has no tensor ${tensor}; there are ${Object.keys(tensors).join(", ")}`,
      );
    }
    const { dtype, shape, offsets: [begin] } = entry;
    return {
      source,
      offset: headerBytes + begin,
      shape,
      dtype,
      place: `${source.name}: ${tensor}`,
    };
  };
  return await fileDataset(column(xs), column(ys), options, file instanceof Uint8Array);
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
