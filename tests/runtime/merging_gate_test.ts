import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { captureWeights } from "../../runtime/checkpoints/weights.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { bootstrapMeans } from "../../runtime/merging/bootstrap.ts";
import { Candidates } from "../../runtime/merging/candidates.ts";
import { type GateModel, judge } from "../../runtime/merging/gate.ts";
import type { ModelWeights } from "../../runtime/merging/parents.ts";
import { pathBarrier } from "../../runtime/merging/path_barrier.ts";
import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import { GateResult } from "../../runtime/protocol/merge_gate.ts";
import type { Selection } from "../../runtime/protocol/selection.ts";
import { heldOutSlices } from "../../runtime/session/held_out_slices.ts";
import { PhaseError } from "../../runtime/session/phase_error.ts";
import { startMerge, type StartPorts } from "../../runtime/session/start_merge.ts";
import { evaluate } from "../../runtime/training/evaluate.ts";
import { MergeBench, range } from "../fixtures/merge_bench.ts";
import { numpy } from "../fixtures/numpy.ts";

type MergeStart = Extract<LaunchContext["start"], { from: "merge" }>;

const breathe = () => Promise.resolve();

function named(model: string, weights: ModelWeights): GateModel {
  return { model, job: model, checkpoint: 1, batch_norm: "own", weights };
}

class Heard implements StartPorts {
  readonly results: GateResult[] = [];
  readonly warnings: string[] = [];
  readonly tasks = new Set<string>();
  progress(task: string, done: number, total: number) {
    assert(done <= total);
    this.tasks.add(task);
  }
  judged(result: GateResult) {
    this.results.push(result);
  }
  warn(message: string) {
    this.warnings.push(message);
  }
  freshOptimizer() {
    return tf.train.adam(0.02);
  }
}

function start(checkpoints: MergeStart["checkpoints"], changes: Partial<MergeStart>): MergeStart {
  return {
    from: "merge",
    checkpoints,
    ancestor: null,
    origin_step: 7,
    strategy: "swa",
    params: {},
    optimizer: "fresh",
    batch_norm: "recalculate",
    gate: { min_delta: 0, on_fail: "keep" },
    control: false,
    ...changes,
  };
}

Deno.test("bootstrapMeans() gives NumPy's intervals, and the same ones for the same seed", async () => {
  const draw = keyedStream(4, "data");
  const columns = [200, 200].map((length, which) =>
    Float64Array.from({ length }, () => which === 0 ? draw.next() ** 3 : draw.nextInt(3) - 1)
  );
  const ours = bootstrapMeans(columns, keyedStream(1, "merge"));
  assertEquals(bootstrapMeans(columns, keyedStream(1, "merge")), ours);
  const reference = await numpy<number[][]>("./numpy_bootstrap.py", columns.map((c) => [...c]));
  reference?.forEach(([mean, low, high], which) => {
    const found = ours[which]!;
    const width = high! - low!;
    assertAlmostEquals(found.mean, mean!, 1e-12);
    // Ours are of 1,000 resamples: their ends scatter by some percent of the width.
    assertAlmostEquals(found.low, low!, 0.08 * width);
    assertAlmostEquals(found.high, high!, 0.08 * width);
  });
  const broken = [Float64Array.of(1, NaN), Float64Array.of(1, 1)];
  assertEquals(bootstrapMeans(broken, keyedStream(1, "merge")), [
    null,
    { mean: 1, low: 1, high: 1 },
  ]);
});

Deno.test("judge() accepts what is better, rejects what is worse, and says when it cannot tell", async () => {
  await using bench = await MergeBench.open();
  const { run } = bench;
  const untrained = captureWeights(run.handle);
  const early = await bench.train(5);
  const trained = await bench.train(300);
  const candidates = new Candidates(run, range(0, 300), "average", breathe);
  const samples = { dataset: run.data.gate!, indices: null };
  const verdict = async (child: ModelWeights, parents: ModelWeights[], minDelta = 0) =>
    await judge(candidates, {
      rule: { min_delta: minDelta, on_fail: "discard" },
      split: "gate",
      child: { ...named("child", child), job: null, checkpoint: null },
      parents: parents.map((weights, at) => named(`p${at}`, weights)),
      controls: [],
      sets: [
        { on: "gate", slice: null, samples },
        { on: "train", slice: "p1", samples: { dataset: run.data.train, indices: range(5, 45) } },
      ],
      notes: [],
      seed: 1,
    });
  const better = await verdict(trained, [untrained, early]);
  assertEquals([better.accepted, better.outcome, better.metric], [true, "kept", "accuracy"]);
  assertEquals(better.best_parent.job, "p1");
  assert(better.advantage!.low > 0 && better.advantage!.low < better.advantage!.high);
  const worse = await verdict(early, [untrained, trained]);
  assertEquals([worse.accepted, worse.outcome], [false, "discarded"]);
  assertEquals((await verdict(trained, [trained, early])).accepted, false);
  const unclear = await verdict(trained, [untrained, early], better.advantage!.mean);
  assertEquals([unclear.accepted, unclear.outcome], ["inconclusive", "discarded"]);

  const rows = better.table!.map(({ model, on, samples: count }) => [model, on, count]);
  assertEquals(rows, [
    ["child", "gate", 180],
    ["p0", "gate", 180],
    ["p1", "gate", 180],
    ["child", "train", 40],
    ["p0", "train", 40],
    ["p1", "train", 40],
  ]);
  assertEquals(better.table![0]!.advantage, null);
  const { loss, accuracy, advantage } = better.table![2]!;
  assertAlmostEquals(advantage!.accuracy!.mean, better.table![0]!.accuracy! - accuracy!, 1e-12);
  assertAlmostEquals(advantage!.loss!.mean, loss! - better.table![0]!.loss!, 1e-12);
  assertEquals(GateResult.parse(JSON.parse(JSON.stringify(better))), better);
});

Deno.test("judge() gives the figures of an evaluation of the split", async () => {
  await using bench = await MergeBench.open();
  const { run } = bench;
  const weights = await bench.train(50);
  const expected = await evaluate(run, "val");
  const candidates = new Candidates(run, range(0, 300), "average", breathe);
  const scored = await judge(candidates, {
    rule: { min_delta: 0, on_fail: "keep", metric: "loss" },
    split: "val",
    child: named("child", weights),
    parents: [named("a", weights), named("b", weights)],
    controls: [],
    sets: [{ on: "val", slice: null, samples: { dataset: run.data.val!, indices: null } }],
    notes: ["on val"],
    seed: 1,
  });
  assertAlmostEquals(scored.table![0]!.loss!, expected.loss!, 1e-6);
  assertEquals(scored.table![0]!.accuracy, expected.accuracy);
  assertEquals(scored.notes, ["on val"]);
  assertEquals(scored.barriers.map(({ job }) => job), ["b"]);
  assertEquals(scored.barriers[0]!.barrier! < 1e-6, true);
});

Deno.test("pathBarrier() finds the hill between two models, and none on the way of one to itself", async () => {
  await using bench = await MergeBench.open();
  const { run } = bench;
  const one = await bench.train(150);
  const negated = new Map([...one].map(([key, tensor]) => {
    const flips = /^000[01]/.test(key) || /moving_mean/.test(key);
    const values = (tensor.values as Float32Array).map((value) => flips ? -value : value);
    return [key, { ...tensor, values: key === "0002/gamma" ? values.map((v) => -v) : values }];
  }));
  const candidates = new Candidates(run, range(0, 300), "recalculate", breathe);
  const samples = { dataset: run.data.gate!, indices: null };
  // The same function in other weights: what is halfway between them is nothing.
  const { barrier, losses } = await pathBarrier(candidates, [one, negated], samples);
  assertEquals(losses.length, 7);
  assertAlmostEquals(losses[0]!, losses[6]!, 1e-3);
  assert(barrier! > 0.3, `${losses}`);
  assertAlmostEquals((await pathBarrier(candidates, [one, one], samples)).barrier!, 0, 1e-6);
});

Deno.test("startMerge() judges the merge on the gate split, on each slice, and beside controls", async () => {
  await using bench = await MergeBench.open();
  const { run } = bench;
  await bench.train(20);
  const origin = await bench.save("origin");
  await bench.train(60, range(0, 150));
  const one = await bench.save("one");
  await bench.train(100, range(150, 300));
  const other = await bench.save("other");
  const heard = new Heard();
  await startMerge(run, start([one, other], { ancestor: origin }), heard);
  const [result] = heard.results;
  assertEquals([result!.split, result!.samples, result!.notes], ["gate", 180, []]);
  const rows = result!.table!.filter(({ on }) => on === "gate")
    .map(({ model, job, batch_norm }) => [model, job, batch_norm]);
  assertEquals(rows, [
    ["child", null, "recalculate"],
    ["parent", "one", "own"],
    ["parent", "other", "own"],
    ["ancestor", "origin", "own"],
    ["parent", "one", "recalculate"],
    ["parent", "other", "recalculate"],
  ]);
  const slices = new Set(result!.table!.map(({ slice }) => slice));
  assertEquals([...slices], [null, "one", "other"]);
  assertEquals([run.originStep, [...heard.tasks]], [7, ["gate"]]);
});

Deno.test("startMerge() keeps, discards or falls back as the gate says", async () => {
  await using bench = await MergeBench.open();
  const { run } = bench;
  const untrained = await bench.save("untrained");
  await bench.train(200);
  const trained = await bench.save("trained");
  const best = captureWeights(run.handle);
  const ports = new Heard();
  const merge = (on_fail: "keep" | "discard" | "fallback_best") =>
    startMerge(run, start([untrained, trained], { gate: { min_delta: 0.5, on_fail } }), ports);
  await merge("keep");
  assert(
    captureWeights(run.handle).get("0000/kernel")!.values[0] !==
      best.get("0000/kernel")!.values[0],
  );
  await merge("fallback_best");
  assertEquals(captureWeights(run.handle), best);
  const error = await assertRejects(() => merge("discard"), PhaseError, "the merge was discarded");
  assertEquals(error.phase, "gate");
  assertEquals(ports.results.map(({ accepted, outcome }) => [accepted, outcome]), [
    [false, "kept"],
    [false, "fallback_best"],
    [false, "discarded"],
  ]);
});

Deno.test("startMerge() judges on val where there is no gate split and says so, and never on test", async () => {
  await using bench = await MergeBench.open();
  const { run } = bench;
  const parents = [await bench.save("a"), await bench.save("b")];
  const heard = new Heard();
  run.data.gate = null;
  await startMerge(run, start(parents, {}), heard);
  assertEquals(heard.results[0]!.split, "val");
  assert(heard.results[0]!.notes[0]!.includes("no gate split"));
  run.steps.valStep = () => ({ loss: 0 });
  await startMerge(run, start(parents, {}), heard);
  assert(heard.results.pop()!.notes[1]!.includes("valStep"));
  run.data.val = null;
  await startMerge(run, start(parents, {}), heard);
  assertEquals(heard.results.length, 1);
  assertEquals(heard.warnings.length, 1);
  const strict = start(parents, { gate: { min_delta: 0, on_fail: "discard" } });
  await assertRejects(() => startMerge(run, strict, heard), Error, "no gate and no val split");
  await startMerge(run, start(parents, { gate: null }), heard);
  assertEquals(heard.warnings.length, 1);
});

Deno.test("startMerge() with a control trains the ancestor on, and plain forks, for the same steps", async () => {
  await using bench = await MergeBench.open();
  const { run } = bench;
  await bench.train(20);
  const origin = await bench.save("origin");
  await bench.train(50, range(0, 150));
  const one = await bench.save("one");
  await bench.train(90, range(150, 300));
  const other = await bench.save("other");
  // What the control is to come to: 30 + 70 steps on all data, from the origin.
  await using twin = await MergeBench.open();
  await twin.train(120);
  const expected = await evaluate(twin.run, "val");

  const before = run.captureState();
  const heard = new Heard();
  run.data.gate = null;
  await startMerge(run, start([one, other], { ancestor: origin, control: true }), heard);
  const [{ table, notes }] = heard.results as [GateResult];
  assert(notes.includes("control: 100 steps (30 + 70) from checkpoint 1 of origin"), `${notes}`);
  assert(heard.tasks.has("control"));
  const held = table!.filter(({ on }) => on === "val");
  const trainedOn = held.find(({ model }) => model === "trained_on")!;
  assertAlmostEquals(trainedOn.loss!, expected.loss!, 1e-6);
  assertEquals(trainedOn.accuracy, expected.accuracy);
  const soup = held.find(({ model }) => model === "soup")!;
  assert(Number.isFinite(soup.loss) && soup.advantage!.loss !== null);
  assertEquals({ ...run.captureState(), origin_step: 0, sampler: null, axis_step: 0 }, {
    ...before,
    origin_step: 0,
    sampler: null,
    axis_step: 0,
  });
});

Deno.test("heldOutSlices() asks the held-out split by each parent's rule, where it was picked", async () => {
  await using bench = await MergeBench.open();
  const { run } = bench;
  await bench.train(30);
  const origin = await bench.save("origin");
  const { losses } = await new Candidates(run, range(0, 300), "average", breathe)
    .scores(captureWeights(run.handle), { dataset: run.data.gate!, indices: null });
  await bench.train(90);
  const slice = (job: string, selection: Selection) => ({
    job,
    selection,
    origin,
    picked_from: 300,
  });
  const { sets, notes } = await heldOutSlices(run, "gate", [
    slice("hard", { kind: "hardest", n: 50 }),
    slice("none", { kind: "region", from: 1e6 }),
    slice("second", { kind: "label", labels: [1] }),
    slice("group", { kind: "kmeans", k: 3, clusters: [0] }),
    slice("others", { kind: "kmeans", k: 3, clusters: [1, 2] }),
  ]);
  assertEquals(sets.map(({ on, slice: of }) => [on, of]), [
    ["gate", "hard"],
    ["gate", "second"],
    ["gate", "group"],
    ["gate", "others"],
  ]);
  const [group, others] = sets.slice(2).map(({ samples }) => [...samples.indices!]);
  assertEquals([...group!, ...others!].sort((a, b) => a - b), [...range(0, 180)]);
  const hardest = [...losses.keys()].sort((a, b) => losses[b]! - losses[a]!).slice(0, 30);
  assertEquals([...sets[0]!.samples.indices!], hardest.sort((a, b) => a - b));
  assertEquals(notes.length, 1);
  assert(notes[0]!.startsWith("the selection of none has no counterpart on gate"));
});
