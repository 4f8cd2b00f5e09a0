import { describe, type Distribution } from "../../runtime/protocol/distribution.ts";
import { rank } from "../../runtime/protocol/ranking.ts";
import type { ReportRecord } from "../../runtime/protocol/report.ts";
import { UnprocessableError } from "../errors.ts";
import type { ReportStore } from "./report_store.ts";

/** Two reports side by side: `a` the one in the path, `b` the other. */
export interface Comparison {
  a: { job: string; report: number; step: number };
  b: { job: string; report: number; step: number };
  /** Samples that both have. */
  samples: number;
  /** Of the losses, Pearson's; null where one does not vary. */
  correlation: number | null;
  /** Losses of `b` less those of `a`. */
  change: Distribution;
  improved: number;
  worsened: number;
  /** Right in `b` and not in `a`, and the reverse; null where there are no classes. */
  learned: number | null;
  forgotten: number | null;
  items: ComparedSample[];
  next_cursor: string | null;
}

/** A sample in both reports; what is not finite, or not known, is null. */
export interface ComparedSample {
  index: number;
  a: number | null;
  b: number | null;
  change: number | null;
  label: number | null;
  prediction_a: number | null;
  prediction_b: number | null;
}

/** Which page of the samples; `-change` has those that got worse first. */
export interface CompareQuery {
  sort: "change" | "-change";
  limit: number;
  cursor?: string | undefined;
}

/**
 * Compares what two models, or one at two steps, make of the same samples.
 *
 * @throws {UnprocessableError} for reports of other data or another split.
 */
export async function compareReports(
  reports: ReportStore,
  a: ReportRecord,
  b: ReportRecord,
  { sort, limit, cursor }: CompareQuery,
): Promise<Comparison> {
  if (a.split !== b.split || a.dataset_hash !== b.dataset_hash) {
    const [one, other] = [a, b].map(({ split, dataset_hash }) => `${split} of ${dataset_hash}`);
    throw new UnprocessableError("with", `with: the reports are of ${one} and of ${other}`);
  }
  const [left, right] = await Promise.all([columnsOf(reports, a), columnsOf(reports, b)]);
  const [one, other] = commonRows(left.index, right.index);
  const change = Float32Array.from(one, (row, at) => right.loss[other[at]!]! - left.loss[row]!);
  const first = Number(cursor ?? 0);
  const order = rank(sort === "-change" ? change.map((value) => -value) : change);
  const page = order.subarray(first, first + limit);
  const next = first + page.length;
  return {
    a: placeOf(a),
    b: placeOf(b),
    samples: one.length,
    correlation: pearson(left.loss, one, right.loss, other),
    change: describe(change),
    improved: change.reduce((count, value) => count + Number(value < 0), 0),
    worsened: change.reduce((count, value) => count + Number(value > 0), 0),
    ...turned(left, one, right, other),
    items: Array.from(page, (at) => comparedAt(left, one[at]!, right, other[at]!)),
    next_cursor: next < one.length ? String(next) : null,
  };
}

interface Columns {
  index: Int32Array;
  loss: Float32Array;
  label: Int32Array | null;
  prediction: Int32Array | null;
}

async function columnsOf(reports: ReportStore, record: ReportRecord): Promise<Columns> {
  return {
    index: (await reports.column(record, "index"))!,
    loss: (await reports.column(record, "loss"))!,
    label: await reports.column(record, "label"),
    prediction: await reports.column(record, "prediction"),
  };
}

/** Rows of the samples that both have, in the order of the first. */
function commonRows(left: Int32Array, right: Int32Array): [Int32Array, Int32Array] {
  const places = new Int32Array(right.reduce((most, index) => Math.max(most, index), -1) + 1).fill(
    -1,
  );
  right.forEach((index, row) => places[index] = row);
  const one = new Int32Array(left.length);
  const other = new Int32Array(left.length);
  let count = 0;
  left.forEach((index, row) => {
    const place = places[index] ?? -1;
    if (place < 0) return;
    one[count] = row;
    other[count++] = place;
  });
  return [one.subarray(0, count), other.subarray(0, count)];
}

/** How many samples became right, and how many wrong. */
function turned(
  left: Columns,
  one: Int32Array,
  right: Columns,
  other: Int32Array,
): { learned: number | null; forgotten: number | null } {
  const { label } = left;
  if (label === null || left.prediction === null || right.prediction === null) {
    return { learned: null, forgotten: null };
  }
  let [learned, forgotten] = [0, 0];
  for (let at = 0; at < one.length; at++) {
    const truth = label[one[at]!];
    const before = left.prediction[one[at]!] === truth;
    const after = right.prediction[other[at]!] === truth;
    if (!before && after) learned++;
    if (before && !after) forgotten++;
  }
  return { learned, forgotten };
}

function comparedAt(left: Columns, one: number, right: Columns, other: number): ComparedSample {
  const finite = (value: number) => Number.isFinite(value) ? value : null;
  const [a, b] = [left.loss[one]!, right.loss[other]!];
  return {
    index: left.index[one]!,
    a: finite(a),
    b: finite(b),
    change: finite(b - a),
    label: left.label?.[one] ?? null,
    prediction_a: left.prediction?.[one] ?? null,
    prediction_b: right.prediction?.[other] ?? null,
  };
}

function placeOf({ job, report, step }: ReportRecord) {
  return { job, report, step };
}

/** Over the pairs that are finite on both sides. */
function pearson(
  x: Float32Array,
  one: Int32Array,
  y: Float32Array,
  other: Int32Array,
): number | null {
  let [count, a, b] = [0, 0, 0];
  const each = (use: (left: number, right: number) => void) => {
    for (let at = 0; at < one.length; at++) {
      const [left, right] = [x[one[at]!]!, y[other[at]!]!];
      if (Number.isFinite(left) && Number.isFinite(right)) use(left, right);
    }
  };
  each((left, right) => {
    count++;
    a += left;
    b += right;
  });
  let [both, squares, otherSquares] = [0, 0, 0];
  each((left, right) => {
    both += (left - a / count) * (right - b / count);
    squares += (left - a / count) ** 2;
    otherSquares += (right - b / count) ** 2;
  });
  return squares > 0 && otherSquares > 0 ? both / Math.sqrt(squares * otherSquares) : null;
}
