import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";
import type { Dataset } from "../../runtime/data/dataset.ts";
import { datasetHash } from "../../runtime/data/fingerprint.ts";
import { split } from "../../runtime/data/split.ts";
import { tensorDataset } from "../../runtime/data/tensor_dataset.ts";

await startWasm();

function numbered(first: number, length = 200): Dataset {
  return tensorDataset(tf.tidy(() => tf.range(first, first + length)), tf.zeros([length]));
}

async function hashOf(dataset: Dataset, seed: number): Promise<string> {
  const { train, val, test } = split(dataset, { train: 0.5, val: 0.2, test: 0.3 }, { seed });
  return await datasetHash(train, val, test);
}

Deno.test("datasetHash() is a SHA-256 that the same data and seed repeat", async () => {
  const hash = await hashOf(numbered(0), 1);
  assertMatch(hash, /^[0-9a-f]{64}$/);
  assertEquals(await hashOf(numbered(0), 1), hash);
});

Deno.test("datasetHash() differs for another membership, content, length or role", async () => {
  const data = numbered(0);
  const hashes = [
    await hashOf(numbered(0), 1),
    await hashOf(numbered(0), 2),
    await hashOf(numbered(1), 1),
    await datasetHash(data, null, null),
    await datasetHash(data, data, null),
    await datasetHash(data, null, data),
    await datasetHash(data, null, null, data),
    await datasetHash(numbered(0, 199), null, null),
  ];
  assertEquals(new Set(hashes).size, hashes.length);
});

Deno.test("datasetHash() looks at targets and dtypes", async () => {
  const zeros = tensorDataset(tf.zeros([3]), tf.tensor1d([0, 0, 0], "int32"));
  const floats = tensorDataset(tf.zeros([3]), tf.tensor1d([0, 0, 0], "float32"));
  const ones = tensorDataset(tf.zeros([3]), tf.tensor1d([0, 0, 1], "int32"));
  const hash = await datasetHash(zeros, null, null);
  assertNotEquals(await datasetHash(floats, null, null), hash);
  assertNotEquals(await datasetHash(ones, null, null), hash);
});

Deno.test("datasetHash() leaves no tensor behind and takes datasets that answer later", async () => {
  const data = numbered(0);
  const later: Dataset = { length: data.length, batch: async (at) => await data.batch(at) };
  const before = tf.memory().numTensors;
  assertEquals(await datasetHash(later, null, null), await datasetHash(data, null, null));
  assertEquals(tf.memory().numTensors, before);
});
