import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { captureWeights } from "../../runtime/checkpoints/weights.ts";
import { assignMatched, matchWeights } from "../../runtime/checkpoints/matching_weights.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { tensorDataset } from "../../runtime/data/tensor_dataset.ts";
import type { JobDefinition } from "../../runtime/job_definition.ts";
import { othersToRehearse } from "../../runtime/session/pick_samples.ts";
import { evaluate } from "../../runtime/training/evaluate.ts";
import { modelHandle } from "../../runtime/training/model_handle.ts";
import { RunState } from "../../runtime/training/run_state.ts";
import { withBuiltRun } from "../fixtures/built_run.ts";

const places = (length: number) => Int32Array.from({ length }, (_, at) => at);
const random = (key: number) => keyedStream(1, "selection", key);

function model(...units: number[]) {
  const [inputs, ...layers] = units;
  return modelHandle(tf.sequential({
    layers: layers.map((units, at) =>
      tf.layers.dense({ units, ...at === 0 && { inputShape: [inputs!] } })
    ),
  }));
}

const DEFINITION: JobDefinition = {
  config: { batchSize: 2 },
  model: () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }),
  optimizer: () => tf.train.sgd(0.5),
  loss: "meanSquaredError",
  schedule: ({ step, epoch, baseLr }) => baseLr / (1 + step + 100 * epoch),
  data: () => {
    const data = () => tensorDataset(tf.tensor2d([[1], [2], [3], [4]]), tf.zeros([4, 1]));
    return { train: data(), val: data() };
  },
};

Deno.test("othersToRehearse() draws the share asked for, from outside of the selection alone", () => {
  const base = places(100);
  const picked = base.slice(0, 30);
  const others = othersToRehearse(picked, base, 0.25, random(1));
  assertEquals(others.length, 10);
  assertEquals(others, others.toSorted());
  assertEquals(others.every((place) => place >= 30), true);
  assertEquals(new Set(others).size, 10);
  assertEquals(othersToRehearse(picked, base, 0.25, random(1)), others);
  assertEquals(String(othersToRehearse(picked, base, 0.25, random(2))) === String(others), false);
  assertEquals(othersToRehearse(picked, base, 0, random(1)).length, 0);
  assertEquals(othersToRehearse(picked, base, 0.99, random(1)).length, 70);
  assertEquals(othersToRehearse(base, base, 0.5, random(1)).length, 0);
});

Deno.test("matchWeights() matches by name and shape in order, and lists the rest on both sides", async () => {
  await chooseBackend("wasm", 1);
  const parent = model(2, 4, 3);
  const cases: [number[], number, string[], string[]][] = [
    [[2, 4, 3], 4, [], []],
    [[2, 4, 4, 3], 4, ["0002/kernel float32 [4,4]", "0003/bias float32 [4]"], []],
    [[2, 4, 3, 5], 4, ["0004/kernel float32 [3,5]", "0005/bias float32 [5]"], []],
    [
      [2, 4, 6],
      2,
      ["0002/kernel float32 [4,6]", "0003/bias float32 [6]"],
      ["0002/kernel float32 [4,3]", "0003/bias float32 [3]"],
    ],
    [[2, 4], 2, [], ["0002/kernel float32 [4,3]", "0003/bias float32 [3]"]],
  ];
  for (const [units, taken, fresh, unused] of cases) {
    const child = model(...units);
    const match = matchWeights(child, captureWeights(parent));
    assertEquals([match.taken.size, match.fresh, match.unused], [taken, fresh, unused]);
    assignMatched(child, match);
    const [own, given] = [captureWeights(child), captureWeights(parent)];
    assertEquals(own.get("0000/kernel")!.values, given.get("0000/kernel")!.values);
    child.dispose();
  }
  parent.dispose();
});

Deno.test("restartSchedule() lets the module's schedule count from here, restored with the run", async () => {
  await withBuiltRun(DEFINITION, (run) => {
    run.originStep = 40;
    run.drawFrom(null, { epoch: 3, cursor: 0 });
    assertEquals(run.scheduleLr(), 0.5 / 341);
    run.restartSchedule();
    assertEquals(run.scheduleLr(), 0.5);
    run.step = 1;
    assertEquals(run.scheduleLr(), 0.25);
    const state = RunState.parse(JSON.parse(JSON.stringify(run.captureState())));
    run.hparams = { ...run.hparams, schedule: null };
    run.restoreState(state, null);
    assertEquals(run.scheduleLr(), 0.25);
    // Before there was such a thing, checkpoints said nothing of it.
    run.restoreState({ ...state, schedule_from: null }, null);
    assertEquals(run.scheduleLr(), 0.5 / 342);
    return Promise.resolve();
  });
});

Deno.test("evaluate() among some samples is the mean over those", async () => {
  await withBuiltRun(DEFINITION, async (run) => {
    const [kernel] = run.handle.weights;
    tf.tidy(() => kernel!.variable.assign(tf.ones([1, 1])));
    const whole = await evaluate(run, "val");
    const some = await evaluate(run, "val", undefined, Int32Array.of(1, 3));
    assertEquals([whole.samples, whole.loss], [4, (1 + 4 + 9 + 16) / 4]);
    assertEquals([some.samples, some.loss], [2, (4 + 16) / 2]);
  });
});
