import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { auroc } from "../../runtime/metrics/auroc.ts";
import { confusionMatrix } from "../../runtime/metrics/confusion_matrix.ts";
import { f1 } from "../../runtime/metrics/f1.ts";
import { directionsOf } from "../../runtime/metrics/direction.ts";
import { MetricAccumulator, MetricError, type Metrics } from "../../runtime/metrics/metric.ts";
import { mae, r2, rmse } from "../../runtime/metrics/regression.ts";
import { topK } from "../../runtime/metrics/top_k.ts";

const SCRIPT = fromFileUrl(new URL("../fixtures/sklearn_metrics.py", import.meta.url));
const CLASSES = 4;
const SAMPLES = 203;

/** What scikit-learn says of the case; null where it is missing, which CI does not allow. */
async function scikitLearn(input: unknown): Promise<Record<string, number> | null> {
  const found = await new Deno.Command("python3", { args: ["-c", "import sklearn"] }).output()
    .catch(() => null);
  if (found === null || !found.success) {
    if (Deno.env.has("CI")) throw new Error("CI must have scikit-learn");
    console.log("skipped: no python3 with scikit-learn here");
    return null;
  }
  const child = new Deno.Command("python3", {
    args: [SCRIPT],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(input)));
  await writer.close();
  return JSON.parse(new TextDecoder().decode((await child.output()).stdout));
}

/** Figures of `metrics`, told in three batches of unequal size. */
function accumulate(metrics: Metrics, truth: number[][], predicted: number[][]) {
  const accumulator = new MetricAccumulator(metrics);
  for (const [from, to] of [[0, 100], [100, 101], [101, truth.length]] as const) {
    tf.tidy(() =>
      accumulator.update({
        yTrue: tf.tensor2d(truth.slice(from, to)),
        yPred: tf.tensor2d(predicted.slice(from, to)),
      })
    );
  }
  return accumulator.compute();
}

Deno.test("metrics accumulated over batches equal scikit-learn's over the whole split", async () => {
  await tf.setBackend("cpu");
  const random = keyedStream(3, "data");
  const labels = Array.from({ length: SAMPLES }, () => random.nextInt(CLASSES));
  // Few possible values, so that scores tie now and then.
  const scores = labels.map((label) => {
    const raw = Array.from(
      { length: CLASSES },
      (_, at) => 1 + random.nextInt(20) + (at === label ? 6 : 0),
    );
    const sum = raw.reduce((a, b) => a + b);
    return raw.map((score) => Math.fround(score / sum));
  });
  const truth = labels.map(() => random.next());
  const predicted = truth.map((value, i) =>
    Math.fround((value + random.next() + labels[i]! / 4) / 3)
  );
  const expected = await scikitLearn({ labels, scores, truth: truth.map(Math.fround), predicted });
  if (expected === null) return;
  const oneHot = labels.map((label) =>
    Array.from({ length: CLASSES }, (_, at) => Number(at === label))
  );
  const column = (values: number[]) => values.map((value) => [value]);
  const binary = column(labels.map((label) => Number(label > 0)));
  const figures = {
    ...accumulate(
      {
        top2: topK(2),
        f1_macro: f1(),
        f1_micro: f1({ average: "micro" }),
        auroc: auroc(),
        c: confusionMatrix(),
      },
      oneHot,
      scores,
    ),
    ...accumulate(
      { f1_binary: f1({ average: "binary" }), auroc_binary: auroc() },
      binary,
      column(predicted),
    ),
    ...accumulate({ mae: mae(), rmse: rmse(), r2: r2() }, column(truth), column(predicted)),
  };
  for (
    const name of [
      "f1_macro",
      "f1_micro",
      "f1_binary",
      "auroc",
      "auroc_binary",
      "mae",
      "rmse",
      "r2",
    ]
  ) {
    assertAlmostEquals(figures[name]!, expected[name]!, 1e-6, name);
  }
  const confusion = expected["confusion"] as unknown as number[][];
  confusion.forEach((row, i) =>
    row.forEach((count, j) => assertEquals(figures[`c/${i}/${j}`], count))
  );
  assert(figures["top2"]! > 0.5);
});

Deno.test("topK() counts the true class among the k largest, ties to the lower class", () => {
  const scores = [[0.5, 0.5, 0], [0.1, 0.2, 0.7], [0.3, 0.3, 0.4]];
  const truth = [[0, 1, 0], [0, 1, 0], [0, 1, 0]];
  const accumulator = new MetricAccumulator({ one: topK(1), two: topK(2), three: topK(3) });
  accumulator.update({ yTrue: tf.tensor2d(truth), yPred: tf.tensor2d(scores) });
  assertEquals(accumulator.compute(), { one: 0, two: 2 / 3, three: 1 });
});

Deno.test("MetricAccumulator names the metric that throws", () => {
  const broken = {
    init: () => 0,
    update: (): number => {
      throw new Error("no");
    },
    compute: () => 0,
  };
  const accumulator = new MetricAccumulator({ mine: broken });
  const batch = { yTrue: tf.tensor1d([1]), yPred: tf.tensor2d([[1]]) };
  assertThrows(() => accumulator.update(batch), MetricError, "metric mine: no");
});

Deno.test("MetricAccumulator answers null for a figure that is not finite", () => {
  const accumulator = new MetricAccumulator({ r2: r2() });
  accumulator.update({ yTrue: tf.tensor2d([[1], [1]]), yPred: tf.tensor2d([[0], [2]]) });
  assertEquals(accumulator.compute(), { r2: null });
});

Deno.test("directionsOf() goes by the metric, then by the name, and leaves out what has none", () => {
  const own = { init: () => 0, update: () => 0, compute: () => 0 };
  const metrics = {
    r2: r2(),
    f1: f1(),
    confusion: confusionMatrix(),
    my_error: own,
    cost: { ...own, direction: "min" as const },
  };
  const names = ["r2", "f1", "confusion/0/1", "my_error", "cost", "of_a_step", "step_loss"];
  const figures = Object.fromEntries(names.map((name) => [name, 1]));
  assertEquals(directionsOf(metrics, figures), {
    r2: "max",
    f1: "max",
    my_error: "min",
    cost: "min",
    of_a_step: "max",
    step_loss: "min",
  });
});
