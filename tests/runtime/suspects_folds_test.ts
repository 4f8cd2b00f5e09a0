import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { captureCheckpoint } from "../../runtime/checkpoints/checkpoint.ts";
import type { Dataset } from "../../runtime/data/dataset.ts";
import { LabelEvidenceError } from "../../runtime/inspection/suspects/probabilities.ts";
import type { JobDefinition } from "../../runtime/job_definition.ts";
import { SuspectsPayload } from "../../runtime/protocol/suspects.ts";
import { findMislabelled } from "../../runtime/session/find_mislabelled.ts";
import { foldLabels } from "../../runtime/session/fold_labels.ts";
import type { TrainingRun } from "../../runtime/training/training_run.ts";
import { withBuiltRun } from "../fixtures/built_run.ts";

const SAMPLES = 60;

const model = () =>
  tf.sequential({
    layers: [tf.layers.dense({ units: 2, activation: "softmax", inputShape: [2] })],
  });
const optimizer = () => tf.train.adam(0.05);

/** Two classes on a line, apart but for noise; tells which rows are read. */
function line(onRead: (rows: Int32Array) => void): Dataset {
  const values = Float32Array.from({ length: SAMPLES }, (_, row) => row % 2 === 0 ? -1 : 1);
  return {
    length: SAMPLES,
    batch: (indices) => {
      onRead(indices);
      return {
        xs: tf.tensor2d([...indices].map((row) => [values[row]! + Math.sin(row) / 4, 1])),
        ys: tf.tensor2d([...indices].map((row) => row % 2 === 0 ? [1, 0] : [0, 1])),
      };
    },
  };
}

function job(train: Dataset): JobDefinition {
  return {
    config: { batchSize: 8, seed: 4 },
    model,
    optimizer,
    loss: "categoricalCrossentropy",
    data: () => ({ train }),
  };
}

function bytesOf(run: TrainingRun): Uint8Array[] {
  const { handle, optimizer, indices } = run;
  const { tensors } = captureCheckpoint({ handle, optimizer, indices, state: run.captureState() });
  return [...tensors.values()].map(({ values }) =>
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice()
  );
}

Deno.test("foldLabels() judges each sample by a model that read it in no step, and leaves the run", async () => {
  let trained = new Set<number>();
  let judging = false;
  let judged = 0;
  const read = (rows: Int32Array) => {
    if (!judging) return rows.forEach((row) => void trained.add(row));
    judged += rows.length;
    assert(rows.every((row) => !trained.has(row)), "a judge has seen what it judges");
  };
  await withBuiltRun(job(line(read)), async (run) => {
    const [before, state] = [bytesOf(run), run.captureState()];
    const { config, optimizer: own } = run;
    const tensors = tf.memory().numTensors;
    const steps = 30;
    const table = await foldLabels(run, {
      positions: Int32Array.from({ length: SAMPLES }, (_, row) => row),
      folds: 3,
      steps,
      seed: 9,
      batchSize: 16,
      freshModel: () => {
        trained = new Set();
        judging = false;
        return Promise.resolve(model());
      },
      freshOptimizer: optimizer,
      onProgress: (done) => Promise.resolve(void (judging = done % steps === 0)),
    });
    assertEquals(judged, SAMPLES);
    const { values } = table.probabilities!;
    for (let row = 0; row < SAMPLES; row++) {
      assertEquals(table.label[row], row % 2);
      assertAlmostEquals(values[row * 2]! + values[row * 2 + 1]!, 1, 1e-5);
    }
    assertEquals(bytesOf(run), before);
    assertEquals([run.captureState(), run.config, run.optimizer], [state, config, own]);
    assertEquals(tf.memory().numTensors, tensors);
  });
});

Deno.test("foldLabels() refuses fewer samples than folds can share, and a loss that is not finite", async () => {
  await withBuiltRun(job(line(() => {})), async (run) => {
    const folds = (count: number, broken = false) => () =>
      foldLabels(run, {
        positions: Int32Array.from({ length: count }, (_, row) => row),
        folds: 5,
        steps: 2,
        seed: 1,
        batchSize: 16,
        freshModel: () => {
          const made = model();
          if (broken) {
            made.setWeights(made.getWeights().map((weight) => tf.fill(weight.shape, NaN)));
          }
          return Promise.resolve(made);
        },
        freshOptimizer: optimizer,
        onProgress: () => Promise.resolve(),
      });
    await assertRejects(folds(9), LabelEvidenceError, "too few for 5");
    await assertRejects(folds(SAMPLES, true), LabelEvidenceError, "loss of NaN");
  });
});

Deno.test("findMislabelled() refuses a model that is made already, and says what to do", async () => {
  await withBuiltRun(job(line(() => {})), async (run) => {
    const search = (evidence: "auto" | "out_of_fold") => () =>
      findMislabelled({
        run,
        request: SuspectsPayload.parse({ evidence, folder: "", reports: [] }),
        dataset: run.data.train,
        indices: null,
        seed: 1,
        batchSize: 16,
        freshModel: null,
        freshOptimizer: optimizer,
        onProgress: () => Promise.resolve(),
      });
    await assertRejects(search("out_of_fold"), LabelEvidenceError, "give it as a function");
    const refused = await assertRejects(search("auto"), LabelEvidenceError, "there are 0");
    assert(refused.message.includes("Make reports while the job trains"));
  });
});

Deno.test("foldLabels() refuses a loss without classes before it trains", async () => {
  const regression: JobDefinition = { ...job(line(() => {})), loss: "meanSquaredError" };
  await withBuiltRun(regression, async (run) => {
    const folds = () =>
      foldLabels(run, {
        positions: Int32Array.from({ length: SAMPLES }, (_, row) => row),
        folds: 2,
        steps: 5,
        seed: 1,
        batchSize: 16,
        freshModel: () => Promise.reject(new Error("it trains")),
        freshOptimizer: optimizer,
        onProgress: () => Promise.reject(new Error("it trains")),
      });
    await assertRejects(folds, LabelEvidenceError, "tells no classes apart");
  });
});
