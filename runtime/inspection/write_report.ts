import type { Dataset } from "../data/dataset.ts";
import {
  COLUMN_NAMES,
  type ColumnName,
  type ReportRequest,
  type ScanResult,
} from "../protocol/report.ts";
import { type ScanArguments, type ScannedRows, scanSamples } from "./scan_samples.ts";
import { readColumn, Spool } from "./spool.ts";
import { summarize } from "./summarize.ts";

/** What {@linkcode writeReport} needs beside what it is asked for. */
export interface ReportArguments extends Omit<ScanArguments, "onRows" | "training"> {
  request: ReportRequest;
  /** Empty folder for the columns. */
  folder: string;
  /** Positions of the samples in the dataset that `split()` dealt out; null where none was. */
  originals: Int32Array | null;
}

/**
 * Scans samples into a report: a file a column in the folder. Memory stays flat while it scans;
 * the summary then reads three columns back.
 */
export async function writeReport(report: ReportArguments): Promise<ScanResult> {
  const { request, folder, dataset, originals, indices } = report;
  using spool = new LazySpool(folder, request, originals !== null);
  const { form, warnings } = await scanSamples({
    ...report,
    training: request.training_mode,
    onRows: (rows) => spool.rows(rows, originals),
  });
  const columns = spool.finish();
  const kept = new Set(columns.map(({ name }) => name));
  const names = dataset.classNames === undefined ? null : [...dataset.classNames];
  const integers = (name: ColumnName) =>
    kept.has(name) ? readColumn(folder, name) as Int32Array : null;
  const loss = readColumn(folder, "loss") as Float32Array;
  const { split, of, training_mode } = request;
  return {
    split,
    of,
    training_mode,
    samples: indices?.length ?? dataset.length,
    classes: form?.classes ?? null,
    class_names: names,
    loss: report.loss.name,
    warnings,
    columns,
    summary: summarize(
      { loss, label: integers("label"), prediction: integers("prediction") },
      names,
    ),
  };
}

/** A spool that learns from the first rows which columns there are. */
class LazySpool implements Disposable {
  #spool: Spool | null = null;

  constructor(
    private readonly folder: string,
    private readonly request: ReportRequest,
    private readonly hasOriginals: boolean,
  ) {}

  rows({ index, loss, outcomes }: ScannedRows, originals: Int32Array | null): void {
    const spool = this.#spool ??= new Spool(this.folder, this.#names(outcomes !== null));
    spool.add("index", index);
    spool.add("loss", loss);
    if (originals !== null) spool.add("original", index.map((at) => originals[at]!));
    if (outcomes === null) return;
    for (const name of OUTCOMES) spool.add(name, outcomes[name]);
  }

  finish(): ScanResult["columns"] {
    return this.#spool?.finish() ?? [];
  }

  [Symbol.dispose](): void {
    this.#spool?.[Symbol.dispose]();
  }

  #names(hasOutcomes: boolean): ColumnName[] {
    const chosen: ReadonlySet<string> = new Set(this.request.columns ?? COLUMN_NAMES);
    const there = new Set<ColumnName>([
      "index",
      "loss",
      ...(this.hasOriginals && chosen.has("original") ? ["original"] as const : []),
      ...(hasOutcomes ? OUTCOMES.filter((name) => chosen.has(name)) : []),
    ]);
    return COLUMN_NAMES.filter((name) => there.has(name));
  }
}

const OUTCOMES = ["label", "prediction", "confidence", "margin", "el2n"] as const;
