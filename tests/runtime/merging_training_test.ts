import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import { startMerge } from "../../runtime/session/start_merge.ts";
import { MergeBench, range } from "../fixtures/merge_bench.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";

const CLUSTERS = fromFileUrl(new URL("../fixtures/clusters.ts", import.meta.url));

type MergeStart = Extract<LaunchContext["start"], { from: "merge" }>;

Deno.test("a merge trains on to the same bits, whether or not it was judged and compared", async () => {
  await using bench = await MergeBench.open();
  await bench.train(10);
  const ancestor = await bench.save("origin");
  await bench.train(30, range(0, 150));
  const one = await bench.save("one");
  await bench.train(50, range(150, 300));
  const start: MergeStart = {
    from: "merge",
    checkpoints: [one, await bench.save("other")],
    ancestor,
    origin_step: 50,
    strategy: "ties",
    params: { density: 0.5 },
    optimizer: "fresh",
    batch_norm: "recalculate",
    gate: { min_delta: 0, on_fail: "keep" },
    control: true,
  };
  const losses = [];
  for (const changes of [{}, { gate: null, control: false }]) {
    const folder = await Deno.makeTempDir();
    const worker = new WorkerProcess(
      launchContext(CLUSTERS, folder, {
        config: { max_steps: 25, max_epochs: 100 },
        start: { ...start, ...changes },
        origin_step: 50,
      }),
    );
    assertEquals((await worker.ended()).code, 0);
    assertEquals(worker.all("trainStep")[0]!.axis_step, 51);
    assertEquals(worker.all("merge_gate").length, losses.length === 0 ? 1 : 0);
    losses.push(worker.losses());
    await Deno.remove(folder, { recursive: true });
  }
  assertEquals(losses[0]!.size, 25);
  assertEquals(losses[1], losses[0]);
});

Deno.test("startMerge() takes the learning rate that was asked for, else that of the path", async () => {
  await using bench = await MergeBench.open();
  bench.run.hparams = { ...bench.run.hparams, lr: 0.007 };
  const parents = [await bench.save("one"), await bench.save("other")];
  for (const overrides of [[], ["lr"]]) {
    await using child = await MergeBench.open({ lr: 0.5 });
    await startMerge(child.run, {
      from: "merge",
      checkpoints: parents,
      ancestor: null,
      origin_step: 0,
      strategy: "swa",
      params: {},
      optimizer: "fresh",
      batch_norm: "average",
      gate: null,
      control: false,
      overrides,
    }, { progress() {}, judged() {}, warn() {}, freshOptimizer: () => child.run.optimizer });
    assertEquals(child.run.hparams.lr, overrides.length === 0 ? 0.007 : 0.5);
  }
});

Deno.test("startMerge() begins with a fresh optimizer, or keeps that of the path", async () => {
  for (const optimizer of ["fresh", "keep"] as const) {
    await using bench = await MergeBench.open();
    await bench.train(30);
    const parents = [await bench.save("one"), await bench.save("other")];
    await using child = await MergeBench.open();
    await startMerge(child.run, {
      from: "merge",
      checkpoints: parents,
      ancestor: null,
      origin_step: 30,
      strategy: "swa",
      params: {},
      optimizer,
      batch_norm: "recalculate",
      gate: null,
      control: false,
    }, { progress() {}, judged() {}, warn() {}, freshOptimizer: () => child.run.optimizer });
    assertEquals(child.run.optimizer.iterations, optimizer === "keep" ? 30 : 0);
    assertEquals([child.run.originStep, child.run.hparams.lr], [30, 0.02]);
  }
});
