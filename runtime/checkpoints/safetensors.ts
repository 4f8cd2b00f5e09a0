import {
  parseSafetensorsHeader,
  SAFETENSORS_ITEM_BYTES,
  type SafetensorsDtype,
  SafetensorsError,
} from "../protocol/safetensors_header.ts";

/** How the values of each dtype lie in memory. F16 and BF16 are their raw bits. */
const ARRAY_OF_DTYPE = {
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const satisfies Record<SafetensorsDtype, unknown>;

/** The values of a tensor, row-major. */
export type SafetensorsValues =
  | Float64Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** A tensor of a file, by itself. */
export interface SafetensorsTensor {
  dtype: SafetensorsDtype;
  shape: number[];
  values: SafetensorsValues;
}

/**
 * Encodes tensors as a safetensors file. Names and metadata come out in the order given, the data
 * widest dtype first, so that every tensor begins at a multiple of its own item size.
 *
 * @returns The file in chunks: the header, then the tensors' own memory, uncopied.
 * @throws {SafetensorsError} for a name given twice, or values that do not fit dtype and shape.
 */
export function encodeSafetensors(
  tensors: readonly (SafetensorsTensor & { name: string })[],
  metadata: Record<string, string>,
): Uint8Array[] {
  const layout = tensors.toSorted(
    (a, b) => SAFETENSORS_ITEM_BYTES[b.dtype] - SAFETENSORS_ITEM_BYTES[a.dtype],
  );
  const header = new Map<string, unknown>([["__metadata__", metadata]]);
  let end = 0;
  for (const { name, dtype, shape, values } of layout) {
    if (header.has(name)) throw new SafetensorsError(`the tensor name ${name} is taken`);
    const size = shape.reduce((product, length) => product * length, 1);
    if (!(values instanceof ARRAY_OF_DTYPE[dtype]) || values.length !== size) {
      throw new SafetensorsError(
        `tensor ${name}: ${values.length} values in a ${values.constructor.name} are no ${dtype} of shape [${shape}]`,
      );
    }
    const begin = end;
    end += values.byteLength;
    header.set(name, { dtype, shape, data_offsets: [begin, end] });
  }
  return [headerChunk(header), ...layout.map(({ values }) => bytesOf(values))];
}

/** The length, then the JSON padded with spaces, so that the data begins at a multiple of 8. */
function headerChunk(header: Map<string, unknown>): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const length = Math.ceil(json.length / 8) * 8;
  const chunk = new Uint8Array(8 + length).fill(0x20);
  new DataView(chunk.buffer).setBigUint64(0, BigInt(length), true);
  chunk.set(json, 8);
  return chunk;
}

function bytesOf(values: SafetensorsValues): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/**
 * Decodes a whole safetensors file. Values share the memory of `bytes` where they lie aligned.
 *
 * @throws {SafetensorsError} that says what is wrong with the bytes.
 */
export function decodeSafetensors(bytes: Uint8Array<ArrayBuffer>): {
  tensors: Map<string, SafetensorsTensor>;
  metadata: Record<string, string>;
} {
  const header = parseSafetensorsHeader(bytes);
  const data = bytes.subarray(header.headerBytes);
  const tensors = new Map(
    Object.entries(header.tensors).map(([name, { dtype, shape, offsets }]) => [
      name,
      { dtype, shape, values: valuesOf(dtype, data.subarray(...offsets)) },
    ]),
  );
  return { tensors, metadata: header.metadata };
}

function valuesOf(dtype: SafetensorsDtype, bytes: Uint8Array<ArrayBuffer>): SafetensorsValues {
  const itemBytes = SAFETENSORS_ITEM_BYTES[dtype];
  const aligned = bytes.byteOffset % itemBytes === 0 ? bytes : bytes.slice();
  return new ARRAY_OF_DTYPE[dtype](aligned.buffer, aligned.byteOffset, bytes.length / itemBytes);
}
