import {
  parseSafetensorsHeader,
  type SafetensorsHeader,
} from "../../runtime/protocol/safetensors_header.ts";

/** Tensors of a checkpoint that are no weights of the model. */
const BESIDE_WEIGHTS = ["optimizer/", "selection/"];
const LENGTH_BYTES = 8;

/**
 * How the architecture of one checkpoint differs from another's: a sentence that names the first
 * weight tensor that is missing or has another shape or dtype; null when they are alike.
 */
export async function architectureDifference(
  path: string,
  otherPath: string,
): Promise<string | null> {
  const [one, other] = await Promise.all([readHeader(path), readHeader(otherPath)]);
  for (const name of weightsOf(one)) {
    const [here, there] = [one.tensors[name]!, other.tensors[name]];
    if (there === undefined) return `${name} is in the first only`;
    if (here.dtype !== there.dtype || String(here.shape) !== String(there.shape)) {
      const [a, b] = [here, there].map(({ dtype, shape }) => `${dtype} [${shape.join(", ")}]`);
      return `${name} is ${a} in the first and ${b} in the second`;
    }
  }
  const extra = weightsOf(other).find((name) => !(name in one.tensors));
  return extra === undefined ? null : `${extra} is in the second only`;
}

function weightsOf({ tensors }: SafetensorsHeader): string[] {
  return Object.keys(tensors)
    .filter((name) => !BESIDE_WEIGHTS.some((prefix) => name.startsWith(prefix)))
    .sort();
}

/** @throws {SafetensorsError} when the file is no sound checkpoint. */
async function readHeader(path: string): Promise<SafetensorsHeader> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  const length = await readExactly(file, Math.min(LENGTH_BYTES, size));
  if (size < LENGTH_BYTES) return parseSafetensorsHeader(length, size);
  const jsonBytes = Number(new DataView(length.buffer).getBigUint64(0, true));
  const json = await readExactly(file, Math.min(jsonBytes, size - LENGTH_BYTES));
  const bytes = new Uint8Array(LENGTH_BYTES + json.length);
  bytes.set(length);
  bytes.set(json, LENGTH_BYTES);
  return parseSafetensorsHeader(bytes, size);
}

async function readExactly(file: Deno.FsFile, count: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const read = await file.read(bytes.subarray(at));
    if (read === null) return bytes.slice(0, at);
    at += read;
  }
  return bytes;
}
