import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsTensor,
} from "../../runtime/checkpoints/safetensors.ts";
import { SafetensorsError } from "../../runtime/protocol/safetensors_header.ts";

function joined(chunks: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

const ODD_FLOATS = new Float32Array([0, -0, NaN, Infinity, -Infinity, 1e-45, 3.4028234e38, 0.1]);

const TENSORS: (SafetensorsTensor & { name: string })[] = [
  { name: "mask", dtype: "BOOL", shape: [3], values: new Uint8Array([1, 0, 1]) },
  { name: "odd floats", dtype: "F32", shape: [2, 4], values: ODD_FLOATS },
  { name: "counts", dtype: "I32", shape: [2], values: new Int32Array([-(2 ** 31), 2 ** 31 - 1]) },
  { name: "doubles", dtype: "F64", shape: [1], values: new Float64Array([Math.PI]) },
  { name: "longs", dtype: "I64", shape: [1], values: new BigInt64Array([-5n]) },
  { name: "scalar", dtype: "F32", shape: [], values: new Float32Array([0.5]) },
  { name: "empty", dtype: "F32", shape: [0, 7], values: new Float32Array(0) },
  { name: "ünï/コード", dtype: "U8", shape: [1], values: new Uint8Array([255]) },
];

Deno.test("encodeSafetensors() and decodeSafetensors() round-trip every tensor to the bit", () => {
  const metadata = { state: '{"step":3,"text":"“quoted”\\n"}' };
  const decoded = decodeSafetensors(joined(encodeSafetensors(TENSORS, metadata)));
  assertEquals(decoded.metadata, metadata);
  assertEquals(decoded.tensors.size, TENSORS.length);
  for (const { name, dtype, shape, values } of TENSORS) {
    const tensor = decoded.tensors.get(name)!;
    assertEquals({ dtype: tensor.dtype, shape: tensor.shape }, { dtype, shape });
    assertEquals(bytesOf(tensor.values), bytesOf(values), name);
  }
});

Deno.test("encodeSafetensors() begins the data at a multiple of 8 and each tensor at its own", () => {
  const [header, ...data] = encodeSafetensors(TENSORS, {});
  assertEquals(header!.length % 8, 0);
  let at = header!.length;
  for (const chunk of data) {
    const { byteLength } = chunk;
    const itemBytes = byteLength === 0 ? 1 : [8, 4, 1].find((size) => byteLength % size === 0)!;
    assertEquals(at % itemBytes, 0);
    at += byteLength;
  }
});

Deno.test("encodeSafetensors() copies no values", () => {
  const chunks = encodeSafetensors(TENSORS, {});
  assert(chunks.some((chunk) => chunk.buffer === ODD_FLOATS.buffer));
});

Deno.test("decodeSafetensors() reads tensors that another writer left unaligned", () => {
  const header = '{"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},' +
    '"f":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}';
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
  const value = new Uint8Array(new Float32Array([0.1]).buffer);
  const bytes = joined([length, new TextEncoder().encode(header), new Uint8Array([9]), value]);
  const { tensors } = decodeSafetensors(bytes);
  assertEquals(tensors.get("f")!.values, new Float32Array([0.1]));
});

Deno.test("encodeSafetensors() refuses a name twice, and values that do not fit", () => {
  const tensor = { name: "w", dtype: "F32", shape: [1], values: new Float32Array(1) } as const;
  const refuses = (tensors: (SafetensorsTensor & { name: string })[], message: string) =>
    assertThrows(() => encodeSafetensors(tensors, {}), SafetensorsError, message);
  const w = { ...tensor, shape: [1] };
  refuses([w, w], "the tensor name w is taken");
  refuses([{ ...w, name: "__metadata__" }], "taken");
  refuses([{ ...w, shape: [2] }], "tensor w: 1 values in a Float32Array are no F32 of shape [2]");
  refuses([{ ...w, dtype: "I32" }], "are no I32");
});

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
