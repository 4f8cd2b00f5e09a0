import { assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";
import { csv, type CsvOptions } from "../../runtime/data/csv.ts";
import type { Dataset } from "../../runtime/data/dataset.ts";

await startWasm();

const bytes = (text: string) => new TextEncoder().encode(text);

/** Rows of xs and ys, all of them. */
async function rows(dataset: Dataset) {
  const all = Int32Array.from({ length: dataset.length }, (_, at) => at);
  const { xs, ys } = await dataset.batch(all) as { xs: tf.Tensor; ys: tf.Tensor };
  const arrays = { xs: xs.arraySync(), ys: ys.arraySync() };
  tf.dispose([xs, ys]);
  return arrays;
}

Deno.test("csv() reads the digits, compressed, with one-hot targets", async () => {
  const file = await Deno.readFile(new URL("../../examples/data/digits.csv.gz", import.meta.url));
  const dataset = await csv(file, { label: -1, classes: 10, scale: 1 / 16 });
  assertEquals(dataset.length, 1797);
  const { xs, ys } = await dataset.batch(Int32Array.of(0, 1796)) as {
    xs: tf.Tensor;
    ys: tf.Tensor;
  };
  assertEquals([xs.shape, ys.shape], [[2, 64], [2, 10]]);
  assertEquals([...xs.dataSync()].slice(0, 6), [0, 0, 5 / 16, 13 / 16, 9 / 16, 1 / 16]);
  assertEquals([...tf.tidy(() => tf.argMax(ys, 1).dataSync())], [0, 8]);
  tf.dispose([xs, ys]);
});

Deno.test("csv() finds the label by index, from either end, and by name", async () => {
  const plain = bytes("1,2,3\n4,5,6\n");
  const expected = { xs: [[1, 3], [4, 6]], ys: [[2], [5]] };
  assertEquals(await rows(await csv(plain, { label: 1 })), expected);
  assertEquals(await rows(await csv(plain, { label: -2 })), expected);
  const named = bytes("a, b ,c\r\n1,2,3\r\n\r\n4,5,6");
  assertEquals(await rows(await csv(named, { label: "b" })), expected);
  assertEquals(await rows(await csv(named, { label: 1, header: true })), expected);
});

Deno.test("csv() reads quoted fields", async () => {
  const dataset = await csv(bytes('"width, cm",label\n"1.5","2"\n-3e2,4\n'), { label: "label" });
  assertEquals(await rows(dataset), { xs: [[1.5], [-300]], ys: [[2], [4]] });
});

const FAULTS: [name: string, text: string, options: CsvOptions, says: string][] = [
  ["a word", "1,2\n3,x\n", { label: 0 }, 'row 2, column 2: "x" is not a number'],
  ["a word under a name", "a,b\n1,2\n3,x\n", { label: "a" }, 'row 3, column 2 (b): "x"'],
  ["an empty field", "1,,3\n", { label: 0 }, 'row 1, column 2: "" is not a number'],
  ["an infinite number", "1,Infinity\n", { label: 0 }, "row 1, column 2"],
  ["a word for a label", "1,2\n1,two\n", { label: 1 }, "row 2, column 2"],
  ["a short row after a blank line", "1,2\n\n3\n", { label: 0 }, "row 3 has 1 columns"],
  [
    "a class beyond the last",
    "1,2\n",
    { label: 1, classes: 2 },
    "row 1, column 2: 2 is not a class",
  ],
  ["a broken class", "1,0.5\n", { label: 1, classes: 2 }, "0.5 is not a class"],
  ["no rows", "\n", { label: 0 }, "no rows"],
  ["a header alone", "a,b\n", { label: "a" }, "no rows"],
  ["an unknown column", "a,b\n1,2\n", { label: "c" }, 'no column "c"; there are a, b'],
  ["a column out of range", "1,2\n", { label: -3 }, "label column -3"],
];
for (const [name, text, options, says] of FAULTS) {
  Deno.test(`csv() names the place of ${name}`, async () => {
    await assertRejects(() => csv(bytes(text), options), Error, says);
  });
}

Deno.test("csv() refuses gzip that is cut off, and bytes that are no text", async () => {
  const file = await Deno.readFile(new URL("../../examples/data/digits.csv.gz", import.meta.url));
  await assertRejects(() => csv(file.slice(0, 5_000), { label: -1 }), TypeError, "cut off");
  await assertRejects(() => csv(Uint8Array.of(0xff, 0xfe, 0x80), { label: -1 }), TypeError);
});
