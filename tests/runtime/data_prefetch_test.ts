import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { installSeededRandom } from "../../runtime/determinism/seeded_math_random.ts";
import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import { loadJob } from "../../runtime/session/load_job.ts";
import { evaluate } from "../../runtime/training/evaluate.ts";
import { trainLoop } from "../../runtime/training/train_loop.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";

const fixture = (name: string) => fromFileUrl(new URL(`../fixtures/${name}.ts`, import.meta.url));
const STEPS = 50;

/** The losses of a run in this process; `disturb` may do what it likes after a step. */
async function lossesOf(
  module: string,
  config: Record<string, unknown>,
  evaluates = false,
): Promise<(number | null)[]> {
  await chooseBackend("wasm", 1);
  const random = installSeededRandom(keyedStream(0, "setup"));
  try {
    const context = launchContext(fixture(module), "", { config });
    const { run } = await loadJob(context, random, () => {});
    const losses: (number | null)[] = [];
    await trainLoop(run, {
      gate: () => "go on",
      onStep: async ({ loss }) => {
        losses.push(loss);
        if (evaluates && run.step % 5 === 0) await evaluate(run, "val");
      },
      onEpochEnd: () => Promise.resolve(),
      checkpoint: () => {},
    });
    return losses;
  } finally {
    random.uninstall();
  }
}

for (const module of ["sampled", "late_batches"]) {
  Deno.test(`prefetch of 0, 1 and 4 gives the same losses to the bit: ${module}`, async () => {
    const series = [];
    for (const prefetch of [0, 1, 4]) {
      series.push(await lossesOf(module, { prefetch, max_steps: STEPS }));
    }
    assertEquals(series[0]!.length, STEPS);
    assertEquals(series[1], series[0]);
    assertEquals(series[2], series[0]);
  });
}

Deno.test("prefetch with evaluations and accumulated batches between the steps changes no loss", async () => {
  const config = { max_steps: 20, accumulate_steps: 3 };
  const expected = await lossesOf("sampled", { ...config, prefetch: 0 });
  assertEquals(await lossesOf("sampled", { ...config, prefetch: 4 }, true), expected);
});

Deno.test("trainLoop() with prefetch disposes the batches that nobody asked for", async () => {
  await lossesOf("sampled", { prefetch: 4, max_steps: 3 });
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = tf.memory().numTensors;
  const again = await lossesOf("sampled", { prefetch: 0, max_steps: 3 });
  const without = tf.memory().numTensors - before;
  await lossesOf("sampled", { prefetch: 4, max_steps: 3 });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(tf.memory().numTensors - before, 2 * without);
  assertEquals(again.length, 3);
});

Deno.test("prefetch keeps a run to the bit through pause, release and kill", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const expected = await lossesOf("sampled", { prefetch: 0, max_steps: STEPS });
    const start = (changes: Partial<LaunchContext> = {}) =>
      new WorkerProcess(launchContext(fixture("sampled"), folder, {
        config: { prefetch: 4, max_steps: STEPS },
        ...changes,
      }));
    const first = start();
    await first.event("trainStep", ({ step }) => step >= 8);
    assert((await first.send("pause", {})).ok);
    await first.send("resume", {});
    await first.event("trainStep", ({ step }) => step >= 14);
    await first.send("pause", {});
    assertEquals((await first.release()).code, 0);

    const from = (worker: WorkerProcess, gen: number): Partial<LaunchContext> => {
      const { file, sha256, checkpoint } = worker.all("checkpoint_saved").at(-1)!;
      const reference = { job: "job-test", checkpoint, path: join(folder, file), sha256 };
      return {
        run_gen: gen,
        next_checkpoint: checkpoint + 100,
        start: { from: "checkpoint", checkpoint: reference },
      };
    };
    const second = start(from(first, 2));
    await second.event("trainStep", ({ step }) => step >= 22);
    await second.send("save_ckpt", { reason: "explicit" });
    const third = from(second, 3);
    await second.event("trainStep", ({ step }) => step >= 27);
    await second.kill();
    const last = start(third);
    assertEquals((await last.ended()).code, 0);

    for (const worker of [first, second, last]) {
      for (const [step, loss] of worker.losses()) {
        assertEquals(loss, expected[step - 1], `step ${step}`);
      }
    }
    assertEquals(last.all("trainStep").at(-1)!.step, STEPS);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
