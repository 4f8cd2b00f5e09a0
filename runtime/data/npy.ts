import type { SafetensorsDtype } from "../protocol/safetensors_header.ts";
import { asSource, type ByteSource } from "./byte_source.ts";
import type { Dataset } from "./dataset.ts";
import type { FileColumn } from "./file_column.ts";
import { fileDataset, type FileDatasetOptions } from "./file_dataset.ts";

/** NumPy's type codes, little endian or of one byte, by what they are here. */
const DTYPES: Readonly<Record<string, SafetensorsDtype>> = {
  "<f8": "F64",
  "<f4": "F32",
  "<f2": "F16",
  "<i8": "I64",
  "<i4": "I32",
  "<i2": "I16",
  "|i1": "I8",
  "<u8": "U64",
  "<u4": "U32",
  "<u2": "U16",
  "|u1": "U8",
  "|b1": "BOOL",
};
const PREAMBLE_BYTES = 12;
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/**
 * A dataset of two arrays as `numpy.save` writes them: xs [samples, ...], ys [samples, ...]. Given
 * bytes it is held in memory; given what `ctx.open()` answers, each batch reads its own rows.
 * Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 *
 * @throws {TypeError} that names the file and what is wrong with it, or the row that is no class.
 * @throws {RangeError} unless both have one row a sample.
 */
export async function npy(
  xs: Uint8Array | ByteSource,
  ys: Uint8Array | ByteSource,
  options: FileDatasetOptions = {},
): Promise<Dataset> {
  const inMemory = xs instanceof Uint8Array && ys instanceof Uint8Array;
  const columns = await Promise.all([
    npyColumn(asSource(xs, "the npy file of xs")),
    npyColumn(asSource(ys, "the npy file of ys")),
  ]);
  return fileDataset(...columns, options, inMemory);
}

/** Reads the header of a file. */
async function npyColumn(source: ByteSource): Promise<FileColumn> {
  const { name } = source;
  const start = await source.read(0, Math.min(PREAMBLE_BYTES, source.size));
  if (start.length < PREAMBLE_BYTES || MAGIC.some((byte, at) => start[at] !== byte)) {
    throw new TypeError(`${name} is no npy file`);
  }
  const view = new DataView(start.buffer);
  const version = start[6]!;
  const at = version === 1 ? 10 : PREAMBLE_BYTES;
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const offset = at + length;
  if (offset > source.size) throw new TypeError(`${name} ends within its header`);
  const header = new TextDecoder().decode(await source.read(at, offset));
  const { code, shape } = parseHeader(name, header);
  const dtype = DTYPES[code];
  if (dtype === undefined) {
    throw new TypeError(`${name}: dtype ${code} is none of ${Object.keys(DTYPES).join(" ")}`);
  }
  const items = shape.reduce((product, axis) => product * axis, 1);
  const expected = offset + items * Number(code.slice(2));
  if (expected !== source.size) {
    throw new TypeError(`${name}: shape [${shape}] needs ${expected} bytes, it has ${source.size}`);
  }
  return { source, offset, shape, dtype, place: name };
}

/** The header is the text of a Python dictionary with these three keys. */
function parseHeader(name: string, header: string): { code: string; shape: number[] } {
  const code = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1];
  const axes = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(header)?.[1];
  if (code === undefined || order === undefined || axes === undefined) {
    throw new TypeError(`${name}: the header ${JSON.stringify(header.trim())} cannot be read`);
  }
  if (order === "True") {
    throw new TypeError(`${name} is in Fortran order; save numpy.ascontiguousarray(array)`);
  }
  return { code, shape: axes.split(",").filter((axis) => axis.trim() !== "").map(Number) };
}
