import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import type { Dataset } from "../../runtime/data/dataset.ts";
import { outcomeForm, outcomesOf } from "../../runtime/inspection/outcomes.ts";
import { readColumn, Spool } from "../../runtime/inspection/spool.ts";
import { writeReport } from "../../runtime/inspection/write_report.ts";
import type { Loss, TensorOrRecord } from "../../runtime/job_definition.ts";
import { describe } from "../../runtime/protocol/distribution.ts";
import { rank } from "../../runtime/protocol/ranking.ts";
import { ReportRequest } from "../../runtime/protocol/report.ts";
import { resolveLoss } from "../../runtime/training/losses.ts";
import { modelHandle } from "../../runtime/training/model_handle.ts";

const request = ReportRequest.parse({});

/** Outputs x itself. */
function identity() {
  return modelHandle({ apply: (xs: TensorOrRecord) => (xs as tf.Tensor).clone(), weights: [] });
}

function dataset(xs: number[][], ys: number[][]): Dataset {
  return {
    length: xs.length,
    batch: (indices) => ({
      xs: tf.tensor2d([...indices].map((at) => xs[at]!)),
      ys: tf.tensor2d([...indices].map((at) => ys[at]!)),
    }),
  };
}

async function report(data: Dataset, loss: Loss, changes: Partial<ReportRequest> = {}) {
  const folder = await Deno.makeTempDir();
  try {
    const result = await writeReport({
      request: { ...request, ...changes },
      folder,
      dataset: data,
      handle: identity(),
      loss: resolveLoss(loss),
      indices: null,
      originals: null,
      embedding: null,
      random: keyedStream(1, "selection"),
      batchSize: 2,
    });
    const columns = Object.fromEntries(
      result.columns.map(({ name }) => [name, [...readColumn(folder, name)]]),
    );
    return { result, columns };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("rank() orders as a stable sort does, NaN last", () => {
  const values = Float32Array.from(
    { length: 4_000 },
    (_, at) => Math.sin(at * at) * 10 ** (at % 9),
  );
  values.set([NaN, -Infinity, Infinity, 0, -0, 1, 1, -NaN, 1e-45, -1e-45]);
  const expected = [...values.keys()].sort((a, b) => {
    const [one, two] = [values[a]!, values[b]!];
    if (one < two) return -1;
    if (one > two) return 1;
    return Number(Number.isNaN(one)) - Number(Number.isNaN(two)) || a - b;
  });
  assertEquals([...rank(values)], expected);
  assertEquals([...rank(new Float32Array())], []);
});

Deno.test("describe() counts what is not finite apart", () => {
  const { count, nan, infinite, min, max, mean, std, quantiles, histogram } = describe(
    new Float32Array([4, NaN, 2, -Infinity, 6]),
  );
  assertEquals([count, nan, infinite, min, max, mean], [5, 1, 1, 2, 6, 4]);
  assertAlmostEquals(std!, Math.sqrt(8 / 3), 1e-6);
  assertEquals(quantiles.find(({ q }) => q === 0.5)?.value, 4);
  assertEquals(histogram.counts.reduce((sum, bin) => sum + bin), 3);
  assertEquals([histogram.edges[0], histogram.edges.at(-1)], [2, 6]);
});

Deno.test("describe() of one value, and of none that is finite", () => {
  const one = describe(new Float32Array([0.5]));
  assertEquals([one.min, one.max, one.std, one.histogram.counts], [0.5, 0.5, 0, [1]]);
  const none = describe(new Float32Array([NaN, NaN]));
  assertEquals([none.nan, none.mean, none.quantiles], [2, null, []]);
});

Deno.test("Spool keeps rows in order whatever its budget, and hashes what is on disk", async () => {
  for (const budget of [8, 64, 2 ** 20]) {
    const folder = await Deno.makeTempDir();
    {
      using spool = new Spool(folder, ["index", "loss"], budget);
      for (let first = 0; first < 100; first += 7) {
        const rows = Int32Array.from({ length: Math.min(7, 100 - first) }, (_, at) => first + at);
        spool.add("index", rows);
        spool.add("loss", Float32Array.from(rows));
        spool.add("el2n", Float32Array.from(rows));
      }
      const files = spool.finish();
      assertEquals(files.map(({ name, bytes }) => [name, bytes]), [["index", 400], ["loss", 400]]);
    }
    assertEquals([...readColumn(folder, "loss")], Array.from({ length: 100 }, (_, at) => at));
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("outcomesOf() of probabilities, logits, class numbers and one output agree", async () => {
  await chooseBackend("cpu", 1);
  const logits = tf.tensor2d([[2, 1, 0], [0, 3, 0]]);
  const [oneHot, sparse] = [tf.tensor2d([[1, 0, 0], [1, 0, 0]]), tf.tensor1d([0, 0])];
  const from = (loss: string, ys: tf.Tensor, out: tf.Tensor) =>
    outcomesOf(outcomeForm(loss, ys, out)!, ys, out);
  const a = from("softmaxCrossEntropy", oneHot, logits);
  const b = from("categoricalCrossentropy", oneHot, tf.softmax(logits));
  const c = from("sparseCategoricalCrossentropy", sparse, tf.softmax(logits));
  const d = from("custom", sparse, logits);
  for (const other of [b, c, d]) {
    assertEquals(other.prediction, a.prediction);
    other.margin.forEach((margin, at) => assertAlmostEquals(margin, a.margin[at]!, 1e-6));
  }
  assertEquals([...a.prediction], [0, 1]);
  const e = [2, 1, 0].map(Math.exp);
  const [p, q, r] = e.map((value) => value / (e[0]! + e[1]! + e[2]!)) as [number, number, number];
  assertAlmostEquals(a.confidence[0]!, p, 1e-6);
  assertAlmostEquals(a.margin[0]!, p - q, 1e-6);
  assertAlmostEquals(a.el2n[0]!, Math.hypot(1 - p, q, r), 1e-6);
  const binary = from("binaryCrossentropy", tf.tensor2d([[1], [0]]), tf.tensor2d([[0.75], [0.6]]));
  assertEquals([...binary.prediction], [1, 1]);
  assertAlmostEquals(binary.margin[1]!, 0.4 - 0.6, 1e-6);
  assertEquals(outcomeForm("meanSquaredError", oneHot, logits), null);
});

Deno.test("writeReport() of a model that answers NaN says so, row by row", async () => {
  await chooseBackend("cpu", 1);
  const { result, columns } = await report(
    dataset([[NaN, NaN], [0.9, 0.1], [NaN, 0.5]], [[1, 0], [1, 0], [0, 1]]),
    "categoricalCrossentropy",
  );
  assertEquals(columns["prediction"], [-1, 0, -1]);
  assertEquals([result.summary.loss.nan, result.summary.loss.count], [2, 3]);
  assertAlmostEquals(result.summary.loss.mean!, -Math.log(0.9), 1e-5);
  assertAlmostEquals(result.summary.accuracy!, 1 / 3, 1e-9);
});

Deno.test("writeReport() of one sample, and of a regression", async () => {
  await chooseBackend("cpu", 1);
  const { result, columns } = await report(dataset([[3]], [[1]]), "meanSquaredError");
  assertEquals([result.samples, result.classes, result.summary.accuracy], [1, null, null]);
  assertEquals(columns, { index: [0], loss: [4] });
});

Deno.test("writeReport() keeps the columns that were asked for", async () => {
  await chooseBackend("cpu", 1);
  const data = dataset([[0.9, 0.1], [0.2, 0.8]], [[1, 0], [1, 0]]);
  const { columns } = await report(data, "categoricalCrossentropy", { columns: ["margin"] });
  assertEquals(Object.keys(columns), ["index", "loss", "margin"]);
});

Deno.test("writeReport() warns where a batch was split, and where that is another loss", async () => {
  await chooseBackend("cpu", 1);
  const data = dataset([[3], [1], [2]], [[1], [1], [0]]);
  const own: Loss = (yTrue, yPred) => tf.mean(tf.squaredDifference(yTrue as tf.Tensor, yPred));
  const plain = await report(data, own);
  assertEquals(plain.columns["loss"], [4, 0, 4]);
  assert(plain.result.warnings[0]!.includes("one sample at a time"), plain.result.warnings[0]);
  assert(!plain.result.warnings[0]!.includes("as a whole"));
  const largest: Loss = (yTrue, yPred) => tf.max(tf.abs(tf.sub(yTrue as tf.Tensor, yPred)));
  const aware = await report(data, largest);
  assert(aware.result.warnings[0]!.includes("the batch as a whole"), aware.result.warnings[0]);
});

Deno.test("writeReport() ends with what its turn-giver throws, and leaks nothing", async () => {
  await chooseBackend("cpu", 1);
  const folder = await Deno.makeTempDir();
  const { numTensors } = tf.memory();
  await assertRejects(
    () =>
      writeReport({
        request,
        folder,
        dataset: dataset([[3], [1], [2]], [[1], [1], [0]]),
        handle: identity(),
        loss: resolveLoss("meanSquaredError"),
        indices: null,
        originals: null,
        embedding: null,
        random: keyedStream(1, "selection"),
        batchSize: 1,
        onBatch: (done) => done < 2 ? Promise.resolve() : Promise.reject(new Error("cancelled")),
      }),
    Error,
    "cancelled",
  );
  assertEquals(tf.memory().numTensors, numTensors);
  await Deno.remove(folder, { recursive: true });
});
