import { assignWeights, captureWeights } from "../checkpoints/weights.ts";
import { keyedStream } from "../determinism/rng.ts";
import { trialSteps } from "../diagnostics/trial_steps.ts";
import { undisturbed } from "../diagnostics/undisturbed.ts";
import {
  LabelEvidenceError,
  LabelTable,
  predictInto,
} from "../inspection/suspects/probabilities.ts";
import type { Model } from "../job_definition.ts";
import { modelHandle } from "../training/model_handle.ts";
import type { TrainingRun } from "../training/training_run.ts";

/** How samples are judged by models that have not seen them. */
export interface FoldArguments {
  /** Positions in the training split, a row each. */
  positions: Int32Array;
  folds: number;
  /** Optimizer steps of each fold's model. */
  steps: number;
  seed: number;
  batchSize: number;
  /** A model with weights of its own, as the module makes it. */
  freshModel: () => Promise<Model>;
  freshOptimizer: () => TrainingRun["optimizer"];
  onProgress: (done: number, total: number) => Promise<void>;
}

/**
 * The labels of training samples beside probabilities of models that were not trained on them: the
 * samples are dealt into folds, and for each a model of the module's begins anew, trains some steps on
 * the other folds as the job would, and judges its own. The run is afterwards as it was.
 *
 * @throws {LabelEvidenceError} for a loss without classes, for too few samples, and for a loss that is
 * not finite.
 */
export async function foldLabels(
  run: TrainingRun,
  { positions, folds, steps, seed, batchSize, freshModel, freshOptimizer, onProgress }:
    FoldArguments,
): Promise<LabelTable> {
  const count = positions.length;
  if (count < 2 * folds) {
    throw new LabelEvidenceError(
      `folds: ${count} samples are too few for ${folds}; each fold takes two at least`,
    );
  }
  const table = new LabelTable(count);
  await assertClasses(run, positions);
  const dealt = Int32Array.from(positions.keys());
  keyedStream(seed, "selection", FOLDS).shuffle(dealt);
  const { optimizer } = run;
  await undisturbed(run, async (back) => {
    try {
      for (let fold = 0; fold < folds; fold++) {
        back();
        const rest = dealt.filter((_, at) => at % folds !== fold);
        await begin(run, { seed: seed + fold, freshModel, freshOptimizer });
        run.drawFrom(rest.map((row) => positions[row]!).sort(), { epoch: 0, cursor: 0 });
        let done = 0;
        await trialSteps(run, steps, async ({ loss }) => {
          if (loss !== null && !Number.isFinite(loss)) {
            throw new LabelEvidenceError(
              `mislabelled: the model of fold ${fold + 1} came to a loss of ${loss}; ` +
                "take fewer steps, or three reports and evidence training_dynamics",
            );
          }
          await onProgress(fold * steps + ++done, folds * steps);
        });
        run.enterPhase("evaluate", run.axisStep);
        const rows = dealt.filter((_, at) => at % folds === fold);
        const { handle, loss: { name: loss }, data: { train: dataset } } = run;
        await predictInto(table, { handle, loss, dataset, positions, rows, batchSize });
        putBack(run, optimizer);
      }
    } finally {
      putBack(run, optimizer);
    }
  });
  return table;
}

/** Refuses a loss without classes before anything is trained for it. */
async function assertClasses(run: TrainingRun, positions: Int32Array): Promise<void> {
  const { handle, loss: { name: loss }, data: { train: dataset } } = run;
  const first = { positions: positions.slice(0, 1), rows: Int32Array.of(0), batchSize: 1 };
  await predictInto(new LabelTable(1), { handle, loss, dataset, ...first });
}

function putBack(run: TrainingRun, optimizer: TrainingRun["optimizer"]): void {
  if (run.optimizer !== optimizer) run.optimizer.dispose();
  run.optimizer = optimizer;
}

/** Tells the stream that deals folds from the others of its purpose. */
const FOLDS = 1;

/** Puts the run where a job with this seed begins. */
async function begin(
  run: TrainingRun,
  { seed, freshModel, freshOptimizer }:
    & Pick<FoldArguments, "freshModel" | "freshOptimizer">
    & { seed: number },
): Promise<void> {
  run.config = { ...run.config, seed };
  run.step = run.originStep = run.epoch = 0;
  run.enterPhase("init", 0);
  const model = modelHandle(await freshModel());
  assignWeights(run.handle, captureWeights(model));
  model.dispose();
  run.enterPhase("init", 1);
  run.optimizer = freshOptimizer();
  // A schedule that has been somewhere begins anew when it is put back.
  const { hparams } = run;
  run.hparams = { ...hparams, schedule: null };
  run.hparams = hparams;
}
