import { assert, assertEquals, assertRejects } from "@std/assert";
import { captureWeights } from "../../runtime/checkpoints/weights.ts";
import { Candidates, meanAccuracy } from "../../runtime/merging/candidates.ts";
import { greedy } from "../../runtime/merging/greedy.ts";
import { MergeError } from "../../runtime/merging/merge_error.ts";
import type { GateResult } from "../../runtime/protocol/merge_gate.ts";
import { startMerge } from "../../runtime/session/start_merge.ts";
import { MergeBench, range } from "../fixtures/merge_bench.ts";

const breathe = () => Promise.resolve();

Deno.test("greedy() begins with the best parent and takes in what does no harm", async () => {
  await using bench = await MergeBench.open();
  const { run } = bench;
  const untrained = captureWeights(run.handle);
  const good = await bench.train(150);
  const alike = await bench.train(170);
  const candidates = new Candidates(run, range(0, 300), "recalculate", breathe);
  const samples = { dataset: run.data.val!, indices: null };
  const goodness = async (weights: typeof good) =>
    meanAccuracy(await candidates.scores(weights, samples))!;
  const alone = [await goodness(untrained), await goodness(good), await goodness(alike)];
  const { weights, taken } = await greedy(candidates, [untrained, good, alike], {
    metric: undefined,
    samples,
  });
  assertEquals(taken[0], alone[2]! > alone[1]! ? 2 : 1);
  const reached = await goodness(weights as typeof good);
  assert(reached >= Math.max(...alone));
  // What is taken in is no accident: without classes it goes by the loss.
  const byLoss = await greedy(candidates, [untrained, good, alike], { metric: "loss", samples });
  assertEquals(byLoss.taken.includes(0), false);
  run.data.gate = null;
  await assertRejects(
    () => greedy(candidates, [good], { metric: "loss", samples }),
    MergeError,
    "at least 2 parents",
  );
});

Deno.test("startMerge(greedy) chooses on val, judges on gate, and says when both are one", async () => {
  await using bench = await MergeBench.open();
  const { run } = bench;
  await bench.train(60);
  const one = await bench.save("one");
  await bench.train(120);
  const other = await bench.save("other");
  const notes: string[][] = [];
  const merge = () =>
    startMerge(run, {
      from: "merge",
      checkpoints: [one, other],
      ancestor: null,
      origin_step: 0,
      strategy: "greedy",
      params: {},
      optimizer: "fresh",
      batch_norm: "recalculate",
      gate: { min_delta: 0, on_fail: "keep" },
      control: false,
    }, {
      progress() {},
      judged: (result: GateResult) => void notes.push(result.notes),
      warn() {},
      freshOptimizer: () => run.optimizer,
    });
  await merge();
  assert(notes[0]![0]!.startsWith("the soup has, chosen on val: checkpoint 1 of"));
  assertEquals(notes[0]!.length, 1);
  run.data.val = null;
  await merge();
  assert(notes[1]!.some((note) => note.includes("flatters it")));
});

Deno.test("startMerge(fisher) and every other strategy come to a model that the gate takes", async () => {
  await using bench = await MergeBench.open();
  const { run } = bench;
  await bench.train(20);
  const ancestor = await bench.save("ancestor");
  await bench.train(60, range(0, 200));
  const one = await bench.save("one");
  await bench.train(100, range(100, 300));
  const other = await bench.save("other");
  const strategies: [string, Record<string, unknown>][] = [
    ["fisher", { samples: 40 }],
    ["fisher", { samples: 40, empirical: true }],
    ["ties", {}],
    ["dare", {}],
    ["slerp", {}],
    ["adapter", { layers: ["head/*"] }],
  ];
  const losses: number[] = [];
  const tasks = new Set<string>();
  for (const [strategy, params] of strategies) {
    await startMerge(run, {
      from: "merge",
      checkpoints: [one, other],
      ancestor,
      origin_step: 0,
      strategy,
      params,
      optimizer: "keep",
      batch_norm: "recalculate",
      gate: { min_delta: 0, on_fail: "keep" },
      control: false,
    }, {
      progress: (task) => void tasks.add(task),
      judged: ({ table }) => void losses.push(table![0]!.loss!),
      warn() {},
      freshOptimizer: () => run.optimizer,
    });
  }
  assertEquals([...tasks].sort(), ["fisher", "gate"]);
  assertEquals(losses.length, strategies.length);
  assert(losses.every((loss) => loss < 1.0986), `${losses}`);
});
