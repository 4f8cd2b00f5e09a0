import { setImmediate } from "node:timers";
import type { ReportRecord, ReportSplit } from "../../runtime/protocol/report.ts";
import { rank } from "../../runtime/protocol/ranking.ts";
import {
  deviation,
  forgettingEvents,
  type LossScale,
  shapeOf,
  TrajectoryShape,
} from "../../runtime/protocol/trajectory.ts";
import { UnprocessableError } from "../errors.ts";
import type { ReportStore } from "./report_store.ts";

/** Which samples' history, and which page of it. */
export interface HistoryQuery {
  split: ReportSplit;
  of: "parent" | "all";
  shape?: TrajectoryShape | undefined;
  sort: string;
  limit: number;
  cursor?: string | undefined;
}

/** Rows that are gone through before others get their turn: some 10 ms. */
const ROWS_A_TURN = 5_000;

/** Losses that the spread is taken of. */
const MOST_SCALED = 100_000;

/** What can be sorted by. */
const SORTS = ["index", "mean_loss", "last_loss", "forgetting", "confidence", "variability"];

/** How one sample moved. Lists are scan by scan, oldest first; what is not finite is null. */
export interface SampleHistory {
  row: number;
  index: number;
  shape: TrajectoryShape;
  losses: (number | null)[];
  mean_loss: number | null;
  last_loss: number | null;
  label: number | null;
  /** Times it was right and then wrong; null where it was never right, or there are no classes. */
  forgetting: number | null;
  /** Mean probability of its label, and the deviation of that. */
  confidence: number | null;
  variability: number | null;
}

/** The history of a job's samples. */
export interface History {
  reports: number[];
  steps: number[];
  samples: number;
  shapes: Record<TrajectoryShape, number>;
  items: SampleHistory[];
  next_cursor: string | null;
}

/** One scan's columns. */
interface Scan {
  loss: Float32Array;
  label: Int32Array | null;
  prediction: Int32Array | null;
  confidence: Float32Array | null;
  margin: Float32Array | null;
}

/**
 * How samples moved over the reports of a job: those of one split in inference mode over the same
 * data, the newest of each step. Confidence and variability are those of dataset cartography
 * (S. Swayamdipta et al., 2020).
 *
 * @throws {UnprocessableError} where there is no report, and for a sort that there is not.
 */
export async function sampleHistory(
  reports: ReportStore,
  job: string,
  query: HistoryQuery,
): Promise<History> {
  const { split, of, shape, sort, limit, cursor } = query;
  const descends = sort.startsWith("-");
  const by = descends ? sort.slice(1) : sort;
  if (!SORTS.includes(by)) {
    throw new UnprocessableError("sort", `sort: there is no ${by}`, { known: SORTS });
  }
  const records = comparableReports(await reports.list(job), split, of);
  if (records.length === 0) {
    throw new UnprocessableError("split", `split: job ${job} has no report of ${split}, ${of}`);
  }
  const scans = await Promise.all(records.map((record) => scanOf(reports, record)));
  const index = (await reports.column(records[0]!, "index"))!;
  const scale = scaleOf(scans);
  const shapes = Object.fromEntries(TrajectoryShape.options.map((name) => [name, 0])) as Record<
    TrajectoryShape,
    number
  >;
  // Of a million samples only what the page is sorted by is held, not what it would show of each.
  const rows = new Int32Array(index.length);
  const values = new Float32Array(index.length);
  let kept = 0;
  for (let row = 0; row < index.length; row++) {
    if (row % ROWS_A_TURN === ROWS_A_TURN - 1) await turn();
    const sample = historyOf(scans, scale, row, index[row]!);
    shapes[sample.shape]++;
    if (shape !== undefined && sample.shape !== shape) continue;
    const value = (sample[by as keyof SampleHistory] as number | null) ?? NaN;
    values[kept] = descends ? -value : value;
    rows[kept++] = row;
  }
  const order = rank(values.subarray(0, kept));
  const first = Number(cursor ?? 0);
  const next = first + limit;
  return {
    reports: records.map(({ report }) => report),
    steps: records.map(({ step }) => step),
    samples: index.length,
    shapes,
    items: Array.from(
      order.subarray(first, next),
      (at) => historyOf(scans, scale, rows[at]!, index[rows[at]!]!),
    ),
    next_cursor: next < kept ? String(next) : null,
  };
}

/** Oldest step first, of each the newest report; all of the newest one's data. */
export function comparableReports(
  records: ReportRecord[],
  split: ReportSplit,
  of: string,
): ReportRecord[] {
  const same = records.filter((record) =>
    record.split === split && (split !== "train" || record.of === of) && !record.training_mode
  );
  const [newest] = same;
  const steps = new Map<number, ReportRecord>();
  for (const record of same) {
    const alike = record.dataset_hash === newest!.dataset_hash &&
      record.samples === newest!.samples;
    if (alike && !steps.has(record.step)) steps.set(record.step, record);
  }
  return [...steps.values()].sort((a, b) => a.step - b.step);
}

async function scanOf(reports: ReportStore, record: ReportRecord): Promise<Scan> {
  return {
    loss: (await reports.column(record, "loss"))!,
    label: await reports.column(record, "label"),
    prediction: await reports.column(record, "prediction"),
    confidence: await reports.column(record, "confidence"),
    margin: await reports.column(record, "margin"),
  };
}

function scaleOf(scans: Scan[]): LossScale {
  const total = scans.reduce((sum, { loss }) => sum + loss.length, 0);
  // Evenly spaced ones tell as much as all, and sort within a turn.
  const stride = Math.max(1, Math.ceil(total / MOST_SCALED));
  const losses = Float32Array.from(
    scans.flatMap(({ loss }) => [...loss.filter((_, at) => at % stride === 0)]),
  );
  const finite = losses.filter(Number.isFinite).sort();
  if (finite.length === 0) return { spread: 0, high: Infinity };
  const mean = finite.reduce((sum, loss) => sum + loss, 0) / finite.length;
  const squares = finite.reduce((sum, loss) => sum + (loss - mean) ** 2, 0);
  const high = finite[Math.ceil(0.75 * finite.length) - 1]!;
  return { spread: Math.sqrt(squares / finite.length), high };
}

function historyOf(scans: Scan[], scale: LossScale, row: number, index: number): SampleHistory {
  const losses = scans.map(({ loss }) => loss[row]!);
  const known = losses.filter(Number.isFinite);
  const classed = scans.every(({ label, prediction }) => label !== null && prediction !== null);
  const right = classed
    ? scans.map(({ label, prediction }) => label![row] === prediction![row])
    : null;
  const truths = scans.flatMap((scan) => probabilityOfLabel(scan, row));
  return {
    row,
    index,
    shape: shapeOf(losses, right, scale),
    losses: losses.map((loss) => Number.isFinite(loss) ? loss : null),
    mean_loss: known.length === 0 ? null : mean(known),
    last_loss: known.at(-1) ?? null,
    label: scans[0]!.label?.[row] ?? null,
    forgetting: right === null ? null : forgettingEvents(right),
    confidence: truths.length === 0 ? null : mean(truths),
    variability: truths.length === 0 ? null : deviation(truths),
  };
}

/** Right: the largest probability is the label's. Wrong: the largest is the other that margin is to. */
function probabilityOfLabel(
  { label, prediction, confidence, margin }: Scan,
  row: number,
): number[] {
  if (!label || !prediction || !confidence || !margin) return [];
  const right = label[row] === prediction[row];
  const value = right ? confidence[row]! : confidence[row]! + margin[row]!;
  return Number.isFinite(value) ? [value] : [];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Lets the server answer others. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
