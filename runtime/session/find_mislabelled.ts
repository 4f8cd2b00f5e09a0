import { labelIssues } from "../inspection/suspects/confident_learning.ts";
import {
  LabelEvidenceError,
  LabelTable,
  predictInto,
} from "../inspection/suspects/probabilities.ts";
import { dynamicsIssues, FEWEST_SCANS } from "../inspection/suspects/training_dynamics.ts";
import { readColumn } from "../inspection/spool.ts";
import { type Found, placesOf, type SearchArguments } from "./find_suspects.ts";
import { foldLabels } from "./fold_labels.ts";

/**
 * Labels that are probably wrong, by evidence that the model in question has not learned by heart:
 * folds, a split that is not trained on, or what several reports saw of its training.
 *
 * @throws {LabelEvidenceError} where there is no such evidence, with what to do.
 */
export async function findMislabelled(search: SearchArguments): Promise<Found> {
  const { request: { split, evidence, reports }, freshModel } = search;
  if (split !== "train") {
    if (evidence !== "training_dynamics") return outOfFold(search, await heldOutLabels(search));
    throw new LabelEvidenceError(
      `evidence: ${split} is not trained on, so it has no training dynamics; take out_of_fold`,
    );
  }
  const scanned = reports.length >= FEWEST_SCANS;
  if (evidence === "training_dynamics" || (evidence === "auto" && freshModel === null)) {
    if (scanned) return dynamics(search);
    throw new LabelEvidenceError(noEvidence(search, evidence === "auto"));
  }
  return outOfFold(search, await ownFolds(search));
}

function noEvidence({ request: { reports, of } }: SearchArguments, both: boolean): string {
  const folds = both ? "the module's model is no function that folds could begin anew from; " : "";
  return `evidence: ${folds}training dynamics take ${FEWEST_SCANS} reports of train (of ${of}) at ` +
    `different steps after the first, with labels and margins, and there are ${reports.length}. ` +
    "Make reports while the job trains, or give model as a function. Predictions of a model for " +
    "samples that it was trained on are no evidence";
}

async function ownFolds(search: SearchArguments): Promise<LabelTable> {
  const { run, request: { folds, steps }, dataset, freshModel, ...rest } = search;
  if (freshModel === null) {
    throw new LabelEvidenceError(
      "evidence: the module's model is made already, with weights that may have seen the samples; " +
        "give it as a function for out_of_fold, or make three reports for training_dynamics",
    );
  }
  const positions = search.indices ?? Int32Array.from({ length: dataset.length }, (_, at) => at);
  return await foldLabels(run, { ...rest, positions, folds, steps, freshModel });
}

async function heldOutLabels(
  { run, dataset, batchSize, onProgress: onBatch }: SearchArguments,
): Promise<LabelTable> {
  const positions = Int32Array.from({ length: dataset.length }, (_, at) => at);
  const table = new LabelTable(positions.length);
  const { handle, loss: { name: loss } } = run;
  await predictInto(table, {
    handle,
    loss,
    dataset,
    positions,
    rows: positions,
    batchSize,
    onBatch,
  });
  return table;
}

function outOfFold(search: SearchArguments, { probabilities, label }: LabelTable): Found {
  const { split, folds, steps } = search.request;
  const { classes, count } = probabilities!;
  const { issues } = labelIssues(probabilities!, label);
  const position = placesOf(search);
  const right = label.reduce((sum, given, row) => {
    const own = probabilities!.values.subarray(row * classes, (row + 1) * classes);
    return sum + Number(own.every((other) => other <= own[given]!));
  }, 0) / count;
  const own = split === "train";
  // Halfway between a guess and certainty.
  const weak = right < (1 + 1 / classes) / 2;
  return {
    items: issues.map(({ row, score, ...evidence }) => ({
      index: position(row),
      row,
      score,
      evidence,
    })),
    method:
      "confident learning (Northcutt et al., 2021) on probabilities of models that were not " +
      "trained on the samples they judge",
    figures: {
      evidence: "out_of_fold",
      judges: own
        ? `${folds} models of the module's, each trained ${steps} steps on the other folds`
        : `the job's model, which trains on none of ${split}`,
      folds: own ? folds : null,
      steps: own ? steps : null,
      classes,
      accuracy: right,
    },
    warnings: weak
      ? [
        `mislabelled: the judges are right for ${(100 * right).toFixed(0)}% of the samples; ` +
        `${own ? "take more steps" : "train on"} before you trust the list`,
      ]
      : [],
  };
}

function dynamics(search: SearchArguments): Found {
  const { reports } = search.request;
  const { issues, bound } = dynamicsIssues(
    reports.map(({ folder }) => readColumn(folder, "margin") as Float32Array),
  );
  const { folder } = reports.at(-1)!;
  const label = readColumn(folder, "label");
  const prediction = readColumn(folder, "prediction");
  const position = placesOf(search);
  return {
    items: issues.map(({ row, score, ...evidence }) => ({
      index: position(row),
      row,
      score,
      evidence: { ...evidence, given: label[row]!, likely: prediction[row]! },
    })),
    method: "area under the margin (Pleiss et al., 2020) over reports, below zero and 3.5 robust " +
      "deviations below the median",
    figures: {
      evidence: "training_dynamics",
      scans: reports.length,
      first_step: reports[0]!.step,
      last_step: reports.at(-1)!.step,
      bound,
    },
    warnings: [],
  };
}
