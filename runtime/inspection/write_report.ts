import type { RandomStream } from "../determinism/rng.ts";
import type { Embedding } from "../job_definition.ts";
import {
  COLUMN_NAMES,
  type ColumnFile,
  type ColumnName,
  type EmbeddingSummary,
  type ReportRequest,
  type ScanResult,
} from "../protocol/report.ts";
import { type ScanArguments, type ScannedRows, scanSamples } from "./scan_samples.ts";
import { clusterPoints } from "./clusters.ts";
import { embedderOf } from "./embedder.ts";
import { embedSamples } from "./embed_samples.ts";
import { projectPoints } from "./projection.ts";
import { readColumn, Spool } from "./spool.ts";
import { describeClusters, summarize, type SummaryColumns } from "./summarize.ts";

/** What {@linkcode writeReport} needs beside what it is asked for. */
export interface ReportArguments extends Omit<ScanArguments, "onRows" | "training"> {
  request: ReportRequest;
  /** Empty folder for the columns. */
  folder: string;
  /** What the module places samples by. */
  embedding: Embedding | null;
  /** Draws what clusters and projections draw. */
  random: RandomStream;
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
  const classes = { label: integers("label"), prediction: integers("prediction") };
  const embedding = await writeEmbedding(report, columns, { loss, ...classes });
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
    summary: summarize({ loss, ...classes }, names),
    embedding,
  };
}

/** Adds `cluster`, and `x` and `y`; answers what was found. */
async function writeEmbedding(
  { request, folder, random, embedding: own, ...scan }: ReportArguments,
  columns: ColumnFile[],
  known: SummaryColumns,
): Promise<EmbeddingSummary | null> {
  if (request.embedding === undefined) return null;
  const { layer, k, projection } = request.embedding;
  const embedder = embedderOf(scan.handle, own, layer);
  const points = await embedSamples({ ...scan, embedder, random });
  const clusters = clusterPoints(points, k, random);
  const plane = projection === "none" ? null : projectPoints(points, projection, random);
  using spool = new Spool(folder, plane === null ? ["cluster"] : ["cluster", "x", "y"]);
  spool.add("cluster", clusters.cluster);
  if (plane !== null) {
    spool.add("x", plane.x);
    spool.add("y", plane.y);
  }
  columns.push(...spool.finish());
  return {
    layer: layer ?? null,
    source: embedder.name,
    width: points.width,
    k: clusters.k,
    silhouette: clusters.silhouette,
    projection,
    clusters: describeClusters(clusters.cluster, known, scan.dataset.classNames ?? null),
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
