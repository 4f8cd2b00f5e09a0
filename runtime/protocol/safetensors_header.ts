/**
 * The header of a safetensors file: 8 bytes of length (little endian), that many bytes of JSON
 * (tensor name to dtype, shape, and place in the data), then the data without gaps.
 * Format: https://github.com/huggingface/safetensors#format
 */

/** Bytes that one element of each dtype takes. */
export const SAFETENSORS_ITEM_BYTES = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

/** Name of an element type, as the header spells it. */
export type SafetensorsDtype = keyof typeof SAFETENSORS_ITEM_BYTES;

/** One tensor of a header. `offsets` are bytes from the start of the data: [begin, end). */
export interface SafetensorsEntry {
  dtype: SafetensorsDtype;
  shape: number[];
  offsets: [number, number];
}

/** A header that has been checked. */
export interface SafetensorsHeader {
  /** By name, in the order of the header. */
  tensors: Record<string, SafetensorsEntry>;
  metadata: Record<string, string>;
  /** Bytes before the data: the 8 of the length and the JSON. */
  headerBytes: number;
}

/** Bytes that are no sound safetensors file; the message names what is wrong. */
export class SafetensorsError extends Error {
  override name = "SafetensorsError";
}

/** Longest header that is read, as in the format's reference reader. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;

/**
 * Reads and checks a header.
 *
 * @param bytes The file, or its beginning with at least the whole header.
 * @param fileBytes Size of the whole file in bytes.
 * @throws {SafetensorsError} unless every tensor's bytes match its shape and all of them fill the
 * file without a gap.
 */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  fileBytes: number = bytes.length,
): SafetensorsHeader {
  const headerBytes = LENGTH_BYTES + headerLength(bytes, fileBytes);
  const { __metadata__: metadata, ...entries } = headerJson(
    bytes.subarray(LENGTH_BYTES, headerBytes),
  );
  const tensors = Object.fromEntries(
    Object.entries(entries).map(([name, entry]) => [name, parseEntry(name, entry)]),
  );
  checkCoverage(tensors, fileBytes - headerBytes);
  return { tensors, metadata: parseMetadata(metadata), headerBytes };
}

function headerLength(bytes: Uint8Array, fileBytes: number): number {
  if (bytes.length < LENGTH_BYTES) {
    throw new SafetensorsError(`the file has ${bytes.length} bytes, fewer than a header's length`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES);
  const length = Number(view.getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) {
    throw new SafetensorsError(`the header claims ${length} bytes; at most ${MAX_HEADER_BYTES}`);
  }
  const end = LENGTH_BYTES + length;
  if (end > fileBytes) {
    throw new SafetensorsError(`the header ends at byte ${end}, the file at ${fileBytes}`);
  }
  if (end > bytes.length) {
    throw new SafetensorsError(`the header ends at byte ${end}; only ${bytes.length} were read`);
  }
  return length;
}

function headerJson(bytes: Uint8Array): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (isRecord(json)) return json;
  } catch (cause) {
    throw new SafetensorsError("the header is no JSON", { cause });
  }
  throw new SafetensorsError("the header is no JSON object");
}

function parseEntry(name: string, entry: unknown): SafetensorsEntry {
  const fail = (what: string) => new SafetensorsError(`tensor ${JSON.stringify(name)}: ${what}`);
  if (!isRecord(entry)) throw fail("its entry is no object");
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isDtype(dtype)) throw fail(`unknown dtype ${JSON.stringify(dtype)}`);
  if (!isCounts(shape)) throw fail(`${JSON.stringify(shape)} is no shape`);
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw fail(`${JSON.stringify(offsets)} are no offsets`);
  }
  const [begin, end] = offsets as [number, number];
  const size = shape.reduce((product, length) => product * length, SAFETENSORS_ITEM_BYTES[dtype]);
  if (size !== end - begin) {
    throw fail(`${dtype} of shape [${shape}] takes ${size} bytes, its offsets hold ${end - begin}`);
  }
  return { dtype, shape, offsets: [begin, end] };
}

function parseMetadata(metadata: unknown): Record<string, string> {
  if (metadata === undefined) return {};
  if (isRecord(metadata) && Object.values(metadata).every((value) => typeof value === "string")) {
    return metadata as Record<string, string>;
  }
  throw new SafetensorsError("__metadata__ is no object of strings");
}

function checkCoverage(tensors: Record<string, SafetensorsEntry>, dataBytes: number): void {
  const ranges = Object.entries(tensors)
    .map(([name, { offsets }]) => ({ name, begin: offsets[0], end: offsets[1] }))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { name, begin, end } of ranges) {
    if (begin !== covered) {
      throw new SafetensorsError(
        `tensor ${JSON.stringify(name)} begins at byte ${begin} of the data, not at ${covered}`,
      );
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    throw new SafetensorsError(`the tensors take ${covered} bytes, the data has ${dataBytes}`);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isDtype(value: unknown): value is SafetensorsDtype {
  return typeof value === "string" && Object.hasOwn(SAFETENSORS_ITEM_BYTES, value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0);
}
