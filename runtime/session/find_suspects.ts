import type { Dataset } from "../data/dataset.ts";
import { keyedStream } from "../determinism/rng.ts";
import { clusterPoints } from "../inspection/clusters.ts";
import { type Embedder, embedderOf } from "../inspection/embedder.ts";
import { embedSamples } from "../inspection/embed_samples.ts";
import { scanSamples } from "../inspection/scan_samples.ts";
import { type ComparedSamples, duplicatesOf } from "../inspection/suspects/duplicates.ts";
import { outliersOf } from "../inspection/suspects/outliers.ts";
import { hashInputs, INPUT_SPACE } from "../inspection/suspects/sample_inputs.ts";
import { weakSlices } from "../inspection/suspects/slices.ts";
import type { SuspectItem, SuspectKind, SuspectsPayload } from "../protocol/suspects.ts";
import type { Model } from "../job_definition.ts";
import type { TrainingRun } from "../training/training_run.ts";

/** What a search of one kind has to work with. */
export interface SearchArguments {
  run: TrainingRun;
  request: SuspectsPayload;
  dataset: Dataset;
  /** Positions in the dataset that are looked at; null for all. */
  indices: Int32Array | null;
  seed: number;
  batchSize: number;
  /** A model with weights of its own; null where the module gives one that is made already. */
  freshModel: (() => Promise<Model>) | null;
  freshOptimizer: () => TrainingRun["optimizer"];
  onProgress: (done: number, total: number) => Promise<void>;
}

/** What was found of one kind: all of it, most suspect first. */
export interface Found {
  items: Omit<SuspectItem, "kind">[];
  method: string;
  figures: Record<string, string | number | boolean | null>;
  warnings: string[];
}

/** Tells the random streams of kinds apart. */
const STREAMS: Record<Exclude<SuspectKind, "mislabelled">, number> = {
  duplicates: 2,
  outliers: 3,
  slice: 4,
};

/** Samples that are there again, in another split first. */
export async function findDuplicates(search: SearchArguments): Promise<Found> {
  const { run, request: { split, space, layer, threshold }, seed, onProgress } = search;
  const embedder = space === "input" ? INPUT_SPACE : embedderOf(run.handle, run.embedding, layer);
  const own = await comparedSamples(search, split, embedder, search.dataset, search.indices);
  const others: ComparedSamples[] = [];
  for (const [name, dataset] of Object.entries(run.data)) {
    if (name === split || dataset === null) continue;
    const other = await comparedSamples(search, name, embedder, dataset, null);
    // Inputs of another shape are no copies, and lie in no common space.
    if (other.points.width === own.points.width) others.push(other);
  }
  const random = keyedStream(seed, "selection", STREAMS.duplicates);
  const { duplicates, scale, compared, total } = await duplicatesOf(
    own,
    others,
    threshold,
    random,
    onProgress,
  );
  const position = placesOf(search);
  const warnings = compared === total ? [] : [
    `duplicates: near ones were looked for among ${compared} of ${total} samples, drawn; exact ` +
    "ones among all",
  ];
  return {
    items: duplicates.map(({ row, score, split: of_split, of_row, exact, distance }) => ({
      index: position(row),
      row,
      score,
      evidence: {
        of_split,
        of_index: of_split === split ? position(of_row) : of_row,
        leak: of_split !== split,
        exact,
        distance,
      },
    })),
    method: "equal SHA-256 of the inputs, and Euclidean distance over the typical distance from " +
      "the mean at or below the threshold",
    figures: {
      space: embedder.name,
      threshold,
      scale,
      compared,
      exact: duplicates.filter(({ exact }) => exact).length,
      leaks: duplicates.filter((one) => one.split !== split).length,
      splits: [split, ...others.map((other) => other.split)].join(", "),
    },
    warnings,
  };
}

/** Samples far from all others in the embedding. */
export async function findOutliers(search: SearchArguments): Promise<Found> {
  const { run, request: { layer, neighbours }, seed, onProgress, ...samples } = search;
  const embedder = embedderOf(run.handle, run.embedding, layer);
  const random = keyedStream(seed, "selection", STREAMS.outliers);
  const points = await embedSamples({ ...samples, embedder, random, onBatch: onProgress });
  const found = await outliersOf(points, neighbours, random, onProgress);
  const position = placesOf(search);
  return {
    items: found.outliers.map(({ row, score, distance }) => ({
      index: position(row),
      row,
      score,
      evidence: { distance, median: found.median, bound: found.bound },
    })),
    method: `distance to neighbour ${neighbours} (Ramaswamy et al., 2000) among drawn references ` +
      "(Sugiyama and Borgwardt, 2013), past 3.5 robust deviations of its logarithm",
    figures: {
      space: embedder.name,
      neighbours,
      references: found.references,
      median: found.median,
      bound: found.bound,
    },
    warnings: [],
  };
}

/** Labels and clusters that the model does worse on. */
export async function findSlices(search: SearchArguments): Promise<Found> {
  const { run, request: { split, layer, k }, seed, onProgress, ...samples } = search;
  const { handle, loss } = run;
  const count = search.indices?.length ?? search.dataset.length;
  const losses = new Float32Array(count);
  const label = new Int32Array(count);
  const right = new Uint8Array(count);
  let first = 0;
  const { form } = await scanSamples({
    ...samples,
    handle,
    loss,
    training: false,
    onBatch: onProgress,
    onRows: ({ loss: some, outcomes }) => {
      losses.set(some, first);
      if (outcomes !== null) {
        label.set(outcomes.label, first);
        right.set(outcomes.label.map((at, row) => Number(at === outcomes.prediction[row])), first);
      }
      first += some.length;
    },
  });
  // The stream of a report's clusters at this step, so that the numbers mean the same groups.
  const clustering = keyedStream(run.ctx.seed, "selection", run.axisStep);
  const embedder = embedderOf(handle, run.embedding, layer);
  const points = await embedSamples({ ...samples, embedder, random: clustering });
  const clusters = clusterPoints(points, k, clustering);
  const { slices, tested } = weakSlices(
    [
      ...form === null ? [] : [{ by: "label" as const, values: label }],
      { by: "cluster", values: clusters.cluster },
    ],
    { loss: losses, right: form === null ? null : right },
    keyedStream(seed, "selection", STREAMS.slice),
  );
  const names = search.dataset.classNames;
  return {
    items: slices.map(({ ...slice }) => ({
      index: null,
      row: null,
      score: slice.difference,
      evidence: {
        ...slice,
        name: slice.by === "label" ? names?.[slice.value] ?? null : null,
        k: slice.by === "cluster" ? clusters.k : null,
      },
    })),
    method: "mean loss against the rest: a permutation test each, adjusted over all by Holm " +
      "(1979), at 0.05; 95% bootstrap intervals",
    figures: { tested, k: clusters.k, correction: "Holm", level: 0.05 },
    warnings: split === "train"
      ? ["slice: these are losses of samples that the model learned from; val says more"]
      : [],
  };
}

async function comparedSamples(
  { seed, batchSize, onProgress: onBatch }: SearchArguments,
  split: string,
  embedder: Embedder,
  dataset: Dataset,
  indices: Int32Array | null,
): Promise<ComparedSamples> {
  // The same stream for each split: the same projection, and so one space.
  const random = keyedStream(seed, "selection", STREAMS.duplicates, 0);
  const samples = { dataset, indices, batchSize, onBatch };
  return {
    split,
    keys: await hashInputs(samples),
    points: await embedSamples({ ...samples, embedder, random }),
  };
}

/** Position in the dataset of each sample that is looked at. */
export function placesOf({ indices }: Pick<SearchArguments, "indices">): (row: number) => number {
  return (row) => indices === null ? row : indices[row]!;
}
