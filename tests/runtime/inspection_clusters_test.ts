import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import type { Dataset } from "../../runtime/data/dataset.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { ClusterError, clusterPoints } from "../../runtime/inspection/clusters.ts";
import { embedderOf, EmbeddingError } from "../../runtime/inspection/embedder.ts";
import { embedSamples } from "../../runtime/inspection/embed_samples.ts";
import type { Points } from "../../runtime/inspection/points.ts";
import { projectPoints } from "../../runtime/inspection/projection.ts";
import type { TensorOrRecord } from "../../runtime/job_definition.ts";
import { modelHandle } from "../../runtime/training/model_handle.ts";

const stream = () => keyedStream(7, "selection");

/** 30, 20 and 10 points around three places of the plane. */
function blobs(): Points {
  const places = [[0, 0], [10, 0], [0, 10]];
  const random = stream();
  const rows = [30, 20, 10].flatMap((count, blob) =>
    Array.from({ length: count }, () => places[blob]!.map((at) => at + random.next()))
  );
  return { count: 60, width: 2, values: Float32Array.from(rows.flat()) };
}

const EXPECTED = [...Array(30).fill(0), ...Array(20).fill(1), ...Array(10).fill(2)];

Deno.test("clusterPoints() finds groups that are there, the largest first, and how many", () => {
  for (const k of ["auto", 3] as const) {
    const { k: found, cluster, silhouette } = clusterPoints(blobs(), k, stream());
    assertEquals(found, 3);
    assertEquals([...cluster], EXPECTED);
    assert(silhouette! > 0.8);
  }
});

Deno.test("clusterPoints() of one group, one sample, and samples that are NaN", () => {
  const one = clusterPoints(blobs(), 1, stream());
  assertEquals([one.k, one.silhouette, new Set(one.cluster).size], [1, null, 1]);
  const single: Points = { count: 1, width: 2, values: new Float32Array(2) };
  assertEquals([...clusterPoints(single, "auto", stream()).cluster], [0]);
  const points = blobs();
  points.values[1] = NaN;
  assertEquals([...clusterPoints(points, 3, stream()).cluster], [-1, ...EXPECTED.slice(1)]);
});

Deno.test("clusterPoints() refuses more clusters than samples", () => {
  assertThrows(() => clusterPoints(blobs(), 61, stream()), ClusterError, "61 clusters of 60");
});

Deno.test("projectPoints() keeps groups apart, and is the same twice", () => {
  for (const how of ["pca", "umap"] as const) {
    const { x, y } = projectPoints(blobs(), how, stream());
    const centre = (group: number) => {
      const members = EXPECTED.flatMap((of, at) => of === group ? [at] : []);
      const mean = (values: Float32Array) =>
        members.reduce((sum, at) => sum + values[at]! / members.length, 0);
      return [mean(x), mean(y)] as const;
    };
    const [a, b] = [centre(0), centre(1)];
    const apart = Math.hypot(a[0] - b[0], a[1] - b[1]);
    const spread = Math.hypot(x[0]! - a[0], y[0]! - a[1]);
    assert(apart > 3 * spread, `${how}: ${apart} apart, ${spread} wide`);
    assertEquals(projectPoints(blobs(), how, stream()), { x, y });
  }
});

const data: Dataset = {
  length: 5,
  batch: (indices) => ({
    xs: tf.tensor2d([...indices].map((at) => [at, -at])),
    ys: tf.zeros([indices.length, 1]),
  }),
};

Deno.test("embedderOf() takes the layer named, the module's own, or the one before the last", async () => {
  await chooseBackend("cpu", 1);
  const { dense } = tf.layers;
  const handle = modelHandle(tf.sequential({
    layers: [
      dense({ name: "wide", units: 100, inputShape: [2] }),
      dense({ name: "narrow", units: 3 }),
      dense({ name: "out", units: 1 }),
    ],
  }));
  const width = async (layer: string | undefined, own: Parameters<typeof embedderOf>[1] = null) => {
    const embedder = embedderOf(handle, own, layer);
    const random = stream();
    const points = await embedSamples({
      embedder,
      dataset: data,
      indices: null,
      batchSize: 2,
      random,
    });
    assertEquals(points.values.length, points.count * points.width);
    return [embedder.name, points.count, points.width];
  };
  assertEquals(await width(undefined), ["narrow", 5, 3]);
  assertEquals(await width("wide"), ["wide", 5, 64], "at most 64 wide");
  const { numTensors } = tf.memory();
  const own = await width(undefined, (xs) => tf.concat([xs as tf.Tensor, xs as tf.Tensor], 1));
  assertEquals(own, ["the module's embedding", 5, 4]);
  assertEquals(tf.memory().numTensors, numTensors);
  assertThrows(() => embedderOf(handle, null, "middle"), EmbeddingError, "wide, narrow, out");
  const bare = modelHandle({ apply: (xs: TensorOrRecord) => xs as tf.Tensor, weights: [] });
  assertThrows(() => embedderOf(bare, null, undefined), EmbeddingError, "has no layers");
  handle.dispose();
});

Deno.test("embedderOf() averages places, so that what is left are features", async () => {
  await chooseBackend("cpu", 1);
  const handle = modelHandle(tf.sequential({
    layers: [
      tf.layers.reshape({ targetShape: [2, 2, 1], inputShape: [4] }),
      tf.layers.flatten(),
    ],
  }));
  const embedded = embedderOf(handle, null, undefined).embed(tf.tensor2d([[1, 2, 3, 6]]));
  assertEquals([...embedded.dataSync()], [3]);
  handle.dispose();
});
