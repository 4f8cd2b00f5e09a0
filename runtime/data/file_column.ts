import {
  SAFETENSORS_ITEM_BYTES as ITEM_BYTES,
  type SafetensorsDtype as Dtype,
} from "../protocol/safetensors_header.ts";
import type { ByteSource } from "./byte_source.ts";
import type { HostColumn } from "./host_dataset.ts";

/** Rows of one tensor that lie in a file, row-major, little endian. */
export interface FileColumn {
  source: ByteSource;
  /** Where the first row begins, in bytes. */
  offset: number;
  /** Of the whole, rows first. */
  shape: readonly number[];
  dtype: Dtype;
  /** The tensor in messages: file, and its name there. */
  place: string;
}

/** Rows as they lie, one after the other; rows that are neighbours are read at once. */
export async function readRows(column: FileColumn, indices: Int32Array): Promise<HostColumn> {
  const { source, offset, shape, dtype } = column;
  const width = shape.slice(1).reduce((size, axis) => size * axis, 1);
  const rowBytes = width * ITEM_BYTES[dtype];
  const bytes = new Uint8Array(indices.length * rowBytes);
  const reads: Promise<void>[] = [];
  for (let first = 0; first < indices.length;) {
    let end = first + 1;
    while (end < indices.length && indices[end] === indices[end - 1]! + 1) end++;
    const from = offset + indices[first]! * rowBytes;
    const to = first * rowBytes;
    reads.push(
      source.read(from, from + (end - first) * rowBytes).then((part) => bytes.set(part, to)),
    );
    first = end;
  }
  await Promise.all(reads);
  return decoded(column, bytes, [indices.length, ...shape.slice(1)], indices);
}

/** Every row. */
export async function readAll(column: FileColumn): Promise<HostColumn> {
  const { source, offset, shape, dtype } = column;
  const size = shape.reduce((product, axis) => product * axis, 1);
  const bytes = await source.read(offset, offset + size * ITEM_BYTES[dtype]);
  return decoded(column, bytes, shape, null);
}

/** float32 of floats, int32 of integers, bool of booleans. */
function decoded(
  { dtype, place }: FileColumn,
  bytes: Uint8Array<ArrayBuffer>,
  shape: readonly number[],
  indices: Int32Array | null,
): HostColumn {
  const { buffer } = bytes;
  switch (dtype) {
    case "F32":
      return { values: new Float32Array(buffer), shape, dtype: "float32" };
    case "F64":
      return { values: Float32Array.from(new Float64Array(buffer)), shape, dtype: "float32" };
    case "F16":
      return { values: Float32Array.from(new Float16Array(buffer)), shape, dtype: "float32" };
    case "BF16": {
      const words = Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16);
      return { values: new Float32Array(words.buffer), shape, dtype: "float32" };
    }
    case "BOOL":
      return { values: bytes, shape, dtype: "bool" };
    case "I32":
      return { values: new Int32Array(buffer), shape, dtype: "int32" };
    case "U8":
      return { values: bytes, shape, dtype: "int32" };
    case "I8":
      return { values: Int32Array.from(new Int8Array(buffer)), shape, dtype: "int32" };
    case "I16":
      return { values: Int32Array.from(new Int16Array(buffer)), shape, dtype: "int32" };
    case "U16":
      return { values: Int32Array.from(new Uint16Array(buffer)), shape, dtype: "int32" };
    case "U32":
    case "I64":
    case "U64": {
      const wide = dtype === "U32"
        ? new Uint32Array(buffer)
        : dtype === "I64"
        ? new BigInt64Array(buffer)
        : new BigUint64Array(buffer);
      const width = wide.length / (shape[0] || 1);
      const values = Int32Array.from(wide as ArrayLike<number | bigint>, (value, at) => {
        const number = Number(value);
        if (number === (number | 0)) return number;
        const position = Math.floor(at / width);
        throw new TypeError(
          `${place}, row ${indices?.[position] ?? position}: ${value} is no int32`,
        );
      });
      return { values, shape, dtype: "int32" };
    }
  }
}
