import { assertEquals, assertThrows } from "@std/assert";
import {
  parseSafetensorsHeader,
  SafetensorsError,
} from "../../runtime/protocol/safetensors_header.ts";

function file(header: unknown, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(
    typeof header === "string" ? header : JSON.stringify(header),
  );
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

function refuses(bytes: Uint8Array, message: string): void {
  assertThrows(() => parseSafetensorsHeader(bytes), SafetensorsError, message);
}

const entry = { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] };

Deno.test("parseSafetensorsHeader() answers tensors, metadata and where the data begins", () => {
  const bytes = file({ __metadata__: { epoch: "3" }, "0000/kernel": entry }, 24);
  assertEquals(parseSafetensorsHeader(bytes), {
    tensors: { "0000/kernel": { dtype: "F32", shape: [2, 3], offsets: [0, 24] } },
    metadata: { epoch: "3" },
    headerBytes: bytes.length - 24,
  });
});

Deno.test("parseSafetensorsHeader() reads the beginning of a file whose size it is told", () => {
  const bytes = file({ w: entry }, 24);
  const head = bytes.subarray(0, bytes.length - 24);
  assertEquals(parseSafetensorsHeader(head, bytes.length).tensors.w?.offsets, [0, 24]);
  assertThrows(
    () => parseSafetensorsHeader(head.subarray(0, 20), bytes.length),
    SafetensorsError,
    "only 20 were read",
  );
});

Deno.test("parseSafetensorsHeader() takes scalars, empty tensors and a tensor named __proto__", () => {
  const header = '{"s":{"dtype":"F64","shape":[],"data_offsets":[0,8]},' +
    '"e":{"dtype":"I64","shape":[0,4],"data_offsets":[8,8]},' +
    '"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}}';
  const { tensors } = parseSafetensorsHeader(file(header, 9));
  assertEquals(Object.keys(tensors), ["s", "e", "__proto__"]);
});

Deno.test("parseSafetensorsHeader() says what is wrong with a length", () => {
  refuses(new Uint8Array(7), "7 bytes, fewer than");
  const long = file({}, 0);
  new DataView(long.buffer).setBigUint64(0, 100_000_001n, true);
  refuses(long, "claims 100000001 bytes");
  new DataView(long.buffer).setBigUint64(0, 2n ** 64n - 1n, true);
  refuses(long, "claims");
  new DataView(long.buffer).setBigUint64(0, 3n, true);
  refuses(long, "the header ends at byte 11, the file at 10");
});

Deno.test("parseSafetensorsHeader() says what is wrong with the JSON", () => {
  refuses(file("{", 0), "no JSON");
  refuses(file("[]", 0), "no JSON object");
  refuses(file({ __metadata__: { a: 1 } }, 0), "__metadata__ is no object of strings");
});

Deno.test("parseSafetensorsHeader() names the tensor that is wrong", () => {
  const cases: [unknown, number, string][] = [
    [null, 0, 'tensor "w": its entry is no object'],
    [{ ...entry, dtype: "F8" }, 24, 'tensor "w": unknown dtype "F8"'],
    [{ ...entry, dtype: "toString" }, 24, "unknown dtype"],
    [{ ...entry, shape: [2, -3] }, 24, "[2,-3] is no shape"],
    [{ ...entry, shape: [2.5] }, 24, "is no shape"],
    [{ ...entry, data_offsets: [24, 0] }, 24, "are no offsets"],
    [{ ...entry, data_offsets: [0] }, 24, "are no offsets"],
    [{ ...entry, shape: [2, 4] }, 24, "takes 32 bytes, its offsets hold 24"],
    [{ ...entry, shape: [2 ** 40, 2 ** 40] }, 24, "its offsets hold 24"],
    [{ ...entry, data_offsets: [4, 28] }, 28, "begins at byte 4 of the data, not at 0"],
    [entry, 20, "the tensors take 24 bytes, the data has 20"],
    [entry, 30, "the tensors take 24 bytes, the data has 30"],
  ];
  for (const [wrong, dataBytes, message] of cases) refuses(file({ w: wrong }, dataBytes), message);
});

Deno.test("parseSafetensorsHeader() refuses tensors that overlap or leave a gap", () => {
  const second = { dtype: "U8", shape: [2] };
  refuses(
    file({ a: entry, b: { ...second, data_offsets: [23, 25] } }, 25),
    '"b" begins at byte 23',
  );
  refuses(
    file({ a: entry, b: { ...second, data_offsets: [25, 27] } }, 27),
    '"b" begins at byte 25',
  );
});
