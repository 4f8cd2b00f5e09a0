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
  const rowOf = new Map(Array.from(right.index, (index, row) => [index, row]));
  const pairs = Array.from(left.index, (index, row) => [row, rowOf.get(index)] as const)
    .filter((pair): pair is readonly [number, number] => pair[1] !== undefined);
  const change = Float32Array.from(pairs, ([one, other]) => right.loss[other]! - left.loss[one]!);
  const classed = left.prediction !== null && right.prediction !== null && left.label !== null;
  const isRight = ({ prediction }: Columns, row: number, label: number) =>
    prediction![row] === label;
  const turned = (to: boolean) =>
    pairs.filter(([one, other]) => {
      const label = left.label![one]!;
      return isRight(left, one, label) !== to && isRight(right, other, label) === to;
    }).length;
  const first = Number(cursor ?? 0);
  const order = rank(sort === "-change" ? change.map((value) => -value) : change);
  const page = order.subarray(first, first + limit);
  return {
    a: placeOf(a),
    b: placeOf(b),
    samples: pairs.length,
    correlation: pearson(pairs.map(([one, other]) => [left.loss[one]!, right.loss[other]!])),
    change: describe(change),
    improved: change.filter((value) => value < 0).length,
    worsened: change.filter((value) => value > 0).length,
    learned: classed ? turned(true) : null,
    forgotten: classed ? turned(false) : null,
    items: Array.from(page, (at) => comparedAt(left, right, pairs[at]!)),
    next_cursor: first + page.length < pairs.length ? String(first + page.length) : null,
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

function comparedAt(
  left: Columns,
  right: Columns,
  [one, other]: readonly [number, number],
): ComparedSample {
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

function pearson(pairs: readonly (readonly [number, number])[]): number | null {
  const finite = pairs.filter((pair) => pair.every(Number.isFinite));
  const { length } = finite;
  const mean = (which: 0 | 1) => finite.reduce((sum, pair) => sum + pair[which] / length, 0);
  const [a, b] = [mean(0), mean(1)];
  let [both, one, other] = [0, 0, 0];
  for (const [x, y] of finite) {
    both += (x - a) * (y - b);
    one += (x - a) ** 2;
    other += (y - b) ** 2;
  }
  return one > 0 && other > 0 ? both / Math.sqrt(one * other) : null;
}
