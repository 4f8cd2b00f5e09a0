import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { keyedStream, type RandomStream } from "../../runtime/determinism/rng.ts";
import { labelIssues } from "../../runtime/inspection/suspects/confident_learning.ts";
import {
  type ComparedSamples,
  duplicatesOf,
} from "../../runtime/inspection/suspects/duplicates.ts";
import { holmAdjusted } from "../../runtime/inspection/suspects/holm.ts";
import { outliersOf } from "../../runtime/inspection/suspects/outliers.ts";
import { robustBound } from "../../runtime/inspection/suspects/robust_bound.ts";
import { weakSlices } from "../../runtime/inspection/suspects/slices.ts";
import { dynamicsIssues } from "../../runtime/inspection/suspects/training_dynamics.ts";
import type { Points } from "../../runtime/inspection/points.ts";

/** Standard normal, by Box and Muller. */
function normal(random: RandomStream): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

function cloud(count: number, width: number, random: RandomStream): Points {
  const values = Float32Array.from({ length: count * width }, () => normal(random));
  return { count, width, values };
}

function samples(split: string, points: Points, key: (row: number) => number): ComparedSamples {
  const keys = BigUint64Array.from({ length: points.count }, (_, row) => BigInt(key(row)));
  return { split, keys, points };
}

Deno.test("labelIssues() counts a sample as the class whose threshold it reaches, as the paper does", () => {
  // Thresholds: (0.9 + 0.2 + 0.7) / 3 = 0.6 for class 0, (0.9 + 0.5) / 2 = 0.7 for class 1.
  const rows = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9], [0.5, 0.5]];
  const probabilities = { count: 5, classes: 2, values: Float32Array.from(rows.flat()) };
  const { issues, thresholds } = labelIssues(probabilities, Int32Array.of(0, 0, 0, 1, 1));
  assertAlmostEquals(thresholds[0]!, 0.6, 1e-6);
  assertAlmostEquals(thresholds[1]!, 0.7, 1e-6);
  // Sample 4 reaches no threshold: it is of no class, and no suspect.
  assertEquals(issues.map(({ row, given, likely }) => [row, given, likely]), [[1, 0, 1]]);
  assertAlmostEquals(issues[0]!.score, 0.6, 1e-6);
});

Deno.test("labelIssues() passes over rows that are not numbers, and classes that nobody bears", () => {
  const values = Float32Array.of(NaN, NaN, NaN, 0.1, 0.2, 0.7, 0.8, 0.1, 0.1);
  const { issues } = labelIssues({ count: 3, classes: 3, values }, Int32Array.of(0, 0, 0));
  assertEquals(issues, []);
});

Deno.test("dynamicsIssues() lists labels that every scan goes against, and refuses two scans", () => {
  const random = keyedStream(1, "sample");
  const wrong = new Set([3, 40, 77]);
  const margins = [0.2, 0.5, 0.8].map((learned) =>
    Float32Array.from(
      { length: 100 },
      (_, row) => (wrong.has(row) ? -learned : learned) + 0.02 * normal(random),
    )
  );
  const { issues, bound } = dynamicsIssues(margins);
  assertEquals(new Set(issues.map(({ row }) => row)), wrong);
  assert(bound! <= 0);
  const [first] = issues;
  assertAlmostEquals(first!.score, 0.5, 0.05);
  assertAlmostEquals(first!.variability, 0.245, 0.03);
  assertThrows(() => dynamicsIssues(margins.slice(1)), RangeError, "they take 3");
});

Deno.test("dynamicsIssues() lists none where every label is learned", () => {
  const random = keyedStream(2, "sample");
  const scan = () => Float32Array.from({ length: 200 }, () => 0.6 + 0.1 * normal(random));
  assertEquals(dynamicsIssues([scan(), scan(), scan()]).issues, []);
});

Deno.test("duplicatesOf() names leaks before copies within, exact before near", async () => {
  const random = keyedStream(3, "sample");
  const [own, val] = [cloud(60, 8, random), cloud(20, 8, random)];
  const copy = (from: Points, one: number, to: Points, other: number, shift = 0) => {
    const point = from.values.subarray(one * 8, one * 8 + 8);
    to.values.set(point.map((value) => value + shift), other * 8);
  };
  copy(own, 5, own, 50); // exact, within
  copy(own, 7, own, 51, 0.01); // near, within
  copy(val, 3, own, 20); // exact leak
  copy(val, 4, own, 21, 0.01); // near leak
  copy(val, 4, own, 22, 0.012); // its near copy within is the weaker finding
  const key = (row: number) => ({ 50: 5, 20: 1_003 })[row] ?? row;
  const found = await duplicatesOf(
    samples("train", own, key),
    [samples("val", val, (row) => 1_000 + row)],
    0.05,
    random,
  );
  assertEquals(
    found.duplicates.map(({ row, split, of_row, exact }) => [row, split, of_row, exact]),
    [
      [20, "val", 3, true],
      [21, "val", 4, false],
      [22, "val", 4, false],
      [50, "train", 5, true],
      [51, "train", 7, false],
    ],
  );
  assertAlmostEquals(found.scale, Math.sqrt(8), 0.4);
  assertEquals([found.compared, found.total], [80, 80]);
});

Deno.test("duplicatesOf() finds none in a cloud, whatever its scale, and all near ones that there are", async () => {
  const random = keyedStream(4, "sample");
  const points = cloud(400, 4, random);
  const threshold = 0.1;
  const at = (row: number) => points.values.subarray(row * 4, row * 4 + 4);
  const distance = (a: number, b: number) =>
    Math.hypot(...at(a).map((value, column) => value - at(b)[column]!));
  const search = (scaled: number) => {
    const values = points.values.map((value) => value * scaled);
    return duplicatesOf(
      samples("train", { ...points, values }, (row) => row),
      [],
      threshold,
      random,
    );
  };
  const one = await search(1);
  const expected = new Set<number>();
  for (let row = 0; row < 400; row++) {
    for (let before = 0; before < row; before++) {
      if (distance(row, before) <= threshold * one.scale) expected.add(row);
    }
  }
  assert(expected.size > 0);
  assertEquals(new Set(one.duplicates.map(({ row }) => row)), expected);
  const thousand = await search(1_000);
  assertEquals(thousand.duplicates.map(({ row }) => row), one.duplicates.map(({ row }) => row));
});

Deno.test("duplicatesOf() draws from more samples than it compares, and finds exact copies among all", async () => {
  const random = keyedStream(5, "sample");
  const points = cloud(31_000, 1, random);
  const key = (row: number) => row === 30_999 ? 0 : row;
  const found = await duplicatesOf(samples("train", points, key), [], 0, random);
  assertEquals([found.compared, found.total], [30_000, 31_000]);
  assert(
    found.duplicates.some(({ row, of_row, exact }) => row === 30_999 && of_row === 0 && exact),
  );
});

Deno.test("outliersOf() finds what lies far from a cloud, and few of the cloud itself", async () => {
  const random = keyedStream(6, "sample");
  const points = cloud(500, 6, random);
  points.values.fill(8, 100 * 6, 101 * 6);
  points.values.fill(-9, 300 * 6, 301 * 6);
  points.values[200 * 6] = NaN;
  const { outliers, bound, median } = await outliersOf(points, 5, random);
  assertEquals(outliers.slice(0, 2).map(({ row }) => row), [300, 100]);
  assert(outliers.length <= 8, `${outliers.length} outliers`);
  assert(bound! > median! && outliers.every(({ distance }) => distance > bound!));
});

Deno.test("outliersOf() of points that are all the same, of two and of one", async () => {
  const random = keyedStream(7, "sample");
  const same = { count: 50, width: 2, values: new Float32Array(100).fill(1) };
  assertEquals((await outliersOf(same, 5, random)).outliers, []);
  for (const count of [1, 2]) {
    const few = { count, width: 2, values: new Float32Array(2 * count) };
    assertEquals((await outliersOf(few, 5, random)).outliers, []);
  }
});

Deno.test("robustBound() stands where the bulk does, however far the rest lies", () => {
  const bulk = robustBound(Float32Array.of(1, 2, 3, 4, 1e9, NaN))!;
  assertEquals(bulk.median, 3);
  assertAlmostEquals(bulk.spread, 1.4826, 1e-6);
  assertEquals(robustBound(Float32Array.of(NaN)), null);
});

Deno.test("holmAdjusted() is that of R's p.adjust", () => {
  const adjusted = holmAdjusted([0.01, 0.04, 0.03, 0.005]);
  [0.03, 0.06, 0.06, 0.02].forEach((value, at) => assertAlmostEquals(adjusted[at]!, value, 1e-12));
});

Deno.test("weakSlices() finds the label that does worse, with an interval about the difference", () => {
  const random = keyedStream(8, "sample");
  const label = Int32Array.from({ length: 400 }, (_, row) => row % 4);
  const losses = Float32Array.from(
    label,
    (value) => (value === 2 ? 1.5 : 1) + 0.5 * normal(random),
  );
  losses[0] = Infinity;
  const right = Uint8Array.from(label, (value) => Number(value !== 2));
  const cluster = Int32Array.from({ length: 400 }, () => random.nextInt(3));
  const divisions = [{ by: "label", values: label }, { by: "cluster", values: cluster }] as const;
  const { slices, tested } = weakSlices(divisions, { loss: losses, right }, random);
  assertEquals(tested, 7);
  assertEquals(slices.map(({ by, value }) => [by, value]), [["label", 2]]);
  const [slice] = slices;
  assertEquals([slice!.size, slice!.accuracy, slice!.rest_accuracy], [100, 0, 1]);
  assert(slice!.low < slice!.difference && slice!.difference < slice!.high);
  // What theory says of normal losses: 1.96 standard errors to either side.
  const width = 2 * 1.96 * 0.5 * Math.sqrt(1 / 100 + 1 / 299);
  assertAlmostEquals((slice!.high - slice!.low) / width, 1, 0.15);
  assert(slice!.low > 0 && slice!.adjusted_p <= 0.05);
});

Deno.test("weakSlices() of losses that have nothing to do with labels finds none in most draws", () => {
  let found = 0;
  for (let seed = 0; seed < 10; seed++) {
    const random = keyedStream(seed, "sample");
    const values = Int32Array.from({ length: 300 }, () => random.nextInt(10));
    const loss = Float32Array.from(values, () => Math.exp(normal(random)));
    found += Number(
      weakSlices([{ by: "label", values }], { loss, right: null }, random).slices.length > 0,
    );
  }
  assert(found <= 2, `${found} of 10`);
});
