import { assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { encodeSafetensors } from "../../runtime/checkpoints/safetensors.ts";
import { bytesSource, openSource } from "../../runtime/data/byte_source.ts";
import type { Dataset } from "../../runtime/data/dataset.ts";
import { npy } from "../../runtime/data/npy.ts";
import { parquet } from "../../runtime/data/parquet.ts";
import { safetensors } from "../../runtime/data/safetensors.ts";

/** A file as `numpy.save` writes it. */
function npyFile(code: string, shape: number[], values: ArrayBufferView, order = "False") {
  const axes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${code}', 'fortran_order': ${order}, 'shape': (${axes}), }`;
  const header = text.padEnd(Math.ceil((10 + text.length + 1) / 64) * 64 - 11) + "\n";
  const bytes = new Uint8Array(10 + header.length + values.byteLength);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0]);
  new DataView(bytes.buffer).setUint16(8, header.length, true);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(new Uint8Array(values.buffer), 10 + header.length);
  return bytes;
}

async function values(dataset: Dataset, ...indices: number[]) {
  const { xs, ys } = await dataset.batch(Int32Array.from(indices)) as {
    xs: tf.Tensor;
    ys: tf.Tensor;
  };
  const read = { xs: xs.arraySync(), ys: ys.arraySync(), dtypes: [xs.dtype, ys.dtype] };
  tf.dispose([xs, ys]);
  return read;
}

const IMAGES = npyFile("|u1", [3, 2, 2], Uint8Array.from({ length: 12 }, (_, i) => 10 * i));
const LABELS = npyFile("<i8", [3], BigInt64Array.of(2n, 0n, 1n));

Deno.test("npy() gives the same batches from memory and by ranged reads", async () => {
  const options = { classes: 3, scale: 0.1 };
  const inMemory = await npy(IMAGES, LABELS, options);
  const ranged = await npy(bytesSource(IMAGES, "x.npy"), bytesSource(LABELS, "y.npy"), options);
  const expected = {
    xs: [[[8, 9], [10, 11]], [[0, 1], [2, 3]], [[4, 5], [6, 7]]],
    ys: [[0, 1, 0], [0, 0, 1], [1, 0, 0]],
    dtypes: ["float32", "float32"],
  };
  for (const dataset of [inMemory, ranged]) {
    const read = await values(dataset, 2, 0, 1);
    assertEquals((read.xs as number[][][]).flat(2).map(Math.round), expected.xs.flat(2));
    assertEquals([read.ys, read.dtypes], [expected.ys, expected.dtypes]);
  }
});

Deno.test("npy() reads every type of number, and targets as they are without classes", async () => {
  const arrays: [string, ArrayBufferView][] = [
    ["<f8", Float64Array.of(1, 2)],
    ["<f4", Float32Array.of(1, 2)],
    ["<f2", Float16Array.of(1, 2)],
    ["<i8", BigInt64Array.of(1n, 2n)],
    ["<i4", Int32Array.of(1, 2)],
    ["<i2", Int16Array.of(1, 2)],
    ["|i1", Int8Array.of(1, 2)],
    ["<u8", BigUint64Array.of(1n, 2n)],
    ["<u4", Uint32Array.of(1, 2)],
    ["<u2", Uint16Array.of(1, 2)],
    ["|u1", Uint8Array.of(1, 2)],
  ];
  for (const [code, array] of arrays) {
    const file = npyFile(code, [2], array);
    const read = await values(await npy(file, file), 1, 0);
    assertEquals([read.xs, read.ys], [[2, 1], [[2], [1]]], code);
    assertEquals(read.dtypes[0], code[1] === "f" ? "float32" : "int32", code);
  }
});

Deno.test("npy() names the file, or the row, that it cannot take", async (t) => {
  const cases: [string, Uint8Array, Uint8Array, string][] = [
    ["no npy", new TextEncoder().encode("a,b,c\n1,2,3\n"), LABELS, "npy file of xs is no npy file"],
    ["cut off", IMAGES.subarray(0, -1), LABELS, "npy file of xs: shape [3,2,2] needs"],
    ["empty", new Uint8Array(), LABELS, "npy file of xs is no npy file"],
    ["big endian", npyFile(">f4", [3], Float32Array.of(1, 2, 3)), LABELS, "dtype >f4 is none of"],
    ["Fortran", npyFile("|u1", [3, 1], new Uint8Array(3), "True"), LABELS, "is in Fortran order"],
    [
      "rows",
      npyFile("|u1", [2, 1], new Uint8Array(2)),
      LABELS,
      "has 2 rows, the npy file of ys has 3",
    ],
    ["class", IMAGES, npyFile("|u1", [3], Uint8Array.of(0, 9, 0)), "ys, row 1: 9 is not a class"],
    [
      "wide",
      IMAGES,
      npyFile("<i8", [3], BigInt64Array.of(0n, 0n, 2n ** 40n)),
      "ys, row 2: 1099511627776",
    ],
  ];
  for (const [name, xs, ys, message] of cases) {
    await t.step(name, async () => {
      await assertRejects(() => npy(xs, ys, { classes: 3 }), Error, message);
    });
  }
  await t.step("class, row of the file", async () => {
    const ys = bytesSource(npyFile("|u1", [3], Uint8Array.of(0, 1, 9)), "labels.npy");
    const dataset = await npy(bytesSource(IMAGES, "x"), ys, { classes: 3 });
    const late = () => Promise.resolve(dataset.batch(Int32Array.of(2, 0)));
    await assertRejects(late, TypeError, "labels.npy, row 2: 9 is not a class from 0 to 2");
  });
});

Deno.test("safetensors() takes its tensors by name, and says which there are", async () => {
  const chunks = encodeSafetensors([
    { name: "images", dtype: "F32", shape: [2, 2], values: Float32Array.of(1, 2, 3, 4) },
    { name: "labels", dtype: "U8", shape: [2], values: Uint8Array.of(1, 0) },
  ], {});
  const file = new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
  const names = { xs: "images", ys: "labels", classes: 2 };
  for (const source of [file, bytesSource(file, "d.safetensors")]) {
    const read = await values(await safetensors(source, names), 1, 0);
    assertEquals([read.xs, read.ys], [[[3, 4], [1, 2]], [[1, 0], [0, 1]]]);
  }
  await assertRejects(
    () => safetensors(file, { ...names, ys: "targets" }),
    RangeError,
    "the safetensors file has no tensor targets; there are images, labels",
  );
  for (const broken of [file.subarray(0, -1), file.subarray(0, 5), new Uint8Array(20).fill(255)]) {
    await assertRejects(() => safetensors(broken, names), Error, "the safetensors file: ");
  }
});

Deno.test("parquet() reads numeric columns over row groups, and names what is no number", async () => {
  // tests/fixtures/flowers.parquet: hyparquet-writer 0.17, 250 rows in groups of 100, snappy.
  const file = await Deno.readFile(new URL("../fixtures/flowers.parquet", import.meta.url));
  const dataset = await parquet(bytesSource(file, "flowers.parquet"), {
    label: "kind",
    columns: ["count", "width"],
    classes: 3,
  });
  assertEquals(dataset.length, 250);
  const read = await values(dataset, 249, 0, 101);
  assertEquals(read.xs, [[249, 62.25], [0, 0], [101, 25.25]]);
  assertEquals(read.ys, [[1, 0, 0], [1, 0, 0], [0, 0, 1]]);
  const cases: [Parameters<typeof parquet>[1], string][] = [
    [{ label: "kind" }, "the parquet file, row 0, column note: n is not a number"],
    [{ label: "class" }, "has no column class; there are width, count, kind, note"],
    [{ label: "kind", columns: ["count"], classes: 2 }, "row 2, column kind: 2 is not a class"],
  ];
  for (const [options, message] of cases) {
    await assertRejects(() => parquet(file, options), Error, message);
  }
  await assertRejects(
    () => parquet(file.subarray(0, 900), { label: "kind" }),
    TypeError,
    "the parquet file cannot be read",
  );
});

Deno.test("openSource() reads rows of a file of 8 GiB without reading the file", async () => {
  const path = await Deno.makeTempFile();
  const rows = 2 ** 21;
  const header = npyFile("<f4", [rows, 1024], new Float32Array());
  const last = Float32Array.from({ length: 1024 }, (_, i) => i);
  {
    using file = await Deno.open(path, { write: true });
    await file.write(header);
    await file.seek(header.length + (rows - 1) * 4096, Deno.SeekMode.Start);
    await file.write(new Uint8Array(last.buffer));
  }
  const xs = await openSource(path, "large.npy");
  try {
    assertEquals(xs.size, header.length + rows * 4096);
    const ys = bytesSource(npyFile("|u1", [rows], new Uint8Array(rows)), "ys");
    const before = Deno.memoryUsage().rss;
    const dataset = await npy(xs, ys);
    const read = await values(dataset, rows - 1, 0);
    assertEquals(read.xs, [[...last], [...new Float32Array(1024)]]);
    assertEquals(Deno.memoryUsage().rss - before < 2 ** 30, true);
    await assertRejects(
      async () => await xs.read(xs.size - 1, xs.size + 1),
      RangeError,
      "large.npy",
    );
  } finally {
    xs.close();
    await Deno.remove(path);
  }
});
