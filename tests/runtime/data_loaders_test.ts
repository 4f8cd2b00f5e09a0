import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import type { Batch } from "../../runtime/data/dataset.ts";
import { buffersOf, packBatch, unpackBatch } from "../../runtime/data/packed_batch.ts";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { installSeededRandom } from "../../runtime/determinism/seeded_math_random.ts";
import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import { loadJob } from "../../runtime/session/load_job.ts";
import { evaluate } from "../../runtime/training/evaluate.ts";
import { trainLoop } from "../../runtime/training/train_loop.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";

const fixture = (name: string) => fromFileUrl(new URL(`../fixtures/${name}.ts`, import.meta.url));

interface Trained {
  losses: (number | null)[];
  weights: number[];
  /** Batches that each thread made. */
  made: number[];
  log: string[];
}

/** Trains in this process, once every thread is ready. */
async function trained(
  path: string,
  config: Record<string, unknown>,
  backend: "wasm" | "cpu" = "wasm",
): Promise<Trained> {
  await chooseBackend(backend, 1);
  const random = installSeededRandom(keyedStream(0, "setup"));
  const log: string[] = [];
  const context = launchContext(path, "", { config });
  const { run, loaders } = await loadJob(context, random, (message) => log.push(message));
  try {
    await loaders?.ready();
    const losses: (number | null)[] = [];
    await trainLoop(run, {
      gate: () => "go on",
      onStep: async ({ loss }) => {
        losses.push(loss);
        if (run.step % 7 === 0 && run.data.val !== null) await evaluate(run, "val");
      },
      onEpochEnd: () => Promise.resolve(),
      checkpoint: () => {},
    });
    const weights = run.handle.weights.flatMap(({ variable }) => [...variable.dataSync()]);
    return { losses, weights, made: loaders?.made ?? [], log };
  } finally {
    loaders?.[Symbol.dispose]();
    random.uninstall();
  }
}

async function withModule(source: string, test: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(path, source);
    await test(path);
  } finally {
    await Deno.remove(path);
  }
}

/** A job of 40 samples that trains 4 steps; `data` is its data function. */
function moduleOf(data: string): string {
  return `import * as tf from "@tensorflow/tfjs";
import { defineJob } from "onthefly";
export default defineJob({
  config: { maxSteps: 4, batchSize: 4, seed: 1 },
  model: () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] }),
  optimizer: () => tf.train.sgd(0.01),
  loss: "meanSquaredError",
  data: ${data},
});
`;
}

for (const module of ["sampled", "late_batches"]) {
  Deno.test(`0, 1 and 3 loaders give the same bits, and make the batches: ${module}`, async () => {
    const config = { max_steps: 40, prefetch: 3 };
    const expected = await trained(fixture(module), { ...config, loaders: 0 });
    assertEquals(expected.made, []);
    for (const loaders of [1, 3]) {
      const { losses, weights, made } = await trained(fixture(module), { ...config, loaders });
      assertEquals(losses, expected.losses);
      assertEquals(weights, expected.weights);
      assertEquals(made.length, loaders);
      assert(made.every((count) => count > 0), `${made}`);
      assert(made.reduce((sum, count) => sum + count) >= 40, `${made}`);
    }
  });
}

Deno.test("loaders without prefetch, and on cpu, give the same bits too", async () => {
  const config = { max_steps: 10, prefetch: 0 };
  const expected = await trained(fixture("sampled"), { ...config, loaders: 0 }, "cpu");
  const { losses, made } = await trained(fixture("sampled"), { ...config, loaders: 1 }, "cpu");
  assertEquals(losses, expected.losses);
  assertEquals(made, [10]);
});

Deno.test("loaders carry the weights of samples", async () => {
  const sample = `async (index: number) => ({ xs: [index, 1], ys: 1, weight: 1 + index % 2 })`;
  await withModule(
    moduleOf(`() => ({ train: { length: 40, sample: ${sample} } })`),
    async (path) => {
      const expected = await trained(path, { loaders: 0 });
      const { losses, weights, made } = await trained(path, { loaders: 1 });
      assertEquals([losses, weights, made.length], [expected.losses, expected.weights, 1]);
    },
  );
});

Deno.test("packBatch() and unpackBatch() keep names, shapes, dtypes and values, and no tensor", () => {
  const before = tf.memory().numTensors;
  const column = [[1, 0], [2, 3]];
  const make = () => ({
    xs: { whole: tf.tensor2d(column, [2, 2], "int32"), flag: tf.tensor2d(column, [2, 2], "bool") },
    ys: tf.tensor3d([0.5, NaN], [2, 1, 1]),
    weights: tf.tensor1d([1, 2]),
  });
  const packed = packBatch(make())!;
  assertEquals(tf.memory().numTensors, before);
  assertEquals(buffersOf(packed).length, 4);
  const moved = structuredClone(packed, { transfer: buffersOf(packed) });
  const [batch, expected] = [unpackBatch(moved), make()];
  const { whole, flag } = batch.xs as Record<string, tf.Tensor>;
  for (
    const [tensor, other] of [
      [whole!, expected.xs.whole],
      [flag!, expected.xs.flag],
      [batch.ys as tf.Tensor, expected.ys],
      [batch.weights!, expected.weights],
    ] as const
  ) {
    assertEquals([tensor.shape, tensor.dtype], [other.shape, other.dtype]);
    assertEquals(tensor.dataSync(), other.dataSync());
  }
  tf.dispose([batch.xs, batch.ys, batch.weights!, expected.xs, expected.ys, expected.weights]);
  for (const wrong of [null, { xs: tf.ones([1]) }, { xs: tf.tensor(["a"]), ys: tf.ones([1]) }]) {
    assertEquals(packBatch(wrong as unknown as Batch), null);
  }
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("what is no batch of numbers is told as it is without loaders", async () => {
  // Only a training batch is wrong: what is tried before the first step has another size.
  const data = `() => ({ train: {
    length: 40,
    batch: async (indices: Int32Array) => ({
      xs: tf.ones([indices.length, 2]),
      ys: indices.length === 4 ? "nothing" : tf.ones([indices.length, 1]),
    }),
  } })`;
  await withModule(moduleOf(data), async (path) => {
    const errors = [];
    for (const loaders of [0, 1]) {
      errors.push((await assertRejects(() => trained(path, { loaders }), Error)).message);
    }
    assertStringIncludes(errors[0]!, "ys is not a tensor");
    assertEquals(errors[1], errors[0]);
  });
});

Deno.test("a loader sees the config that is in effect, and its log lines are the job's", async () => {
  const source = moduleOf(`(ctx) => {
    ctx.log("data");
    return { train: {
      length: 40,
      async sample(index: number) {
        if (index === 0) ctx.log("clip", ctx.config.gradClipNorm);
        if (index === 1) console.log("printed", { index });
        return { xs: [index, ctx.config.batchSize], ys: 1 };
      },
    } };
  }`);
  await withModule(source, async (path) => {
    const config = { max_steps: 10, grad_clip_norm: 2.5, loaders: 2 };
    const { log, made } = await trained(path, config);
    assertEquals(made.length, 2);
    const [first, ...rest] = log;
    assertEquals(first, "data");
    assertEquals(
      new Set(rest.filter((line) => line !== "data")),
      new Set(["clip 2.5", "printed { index: 1 }"]),
    );
    assertEquals(rest.includes("data"), false);
  });
});

Deno.test("what a loader cannot do fails the run with the module's own error and stack", async () => {
  const throwing = moduleOf(`() => ({ train: {
    length: 40,
    async sample(index: number) {
      await Promise.resolve();
      throw new RangeError("no sample " + index);
    },
  } })`);
  await withModule(throwing, async (path) => {
    // The model is tried on a batch of the training thread's own; that one must not fail.
    const source = throwing.replace("throw new", `if ("WorkerGlobalScope" in globalThis) throw new`)
      .replace("index);\n", "index);\n      return { xs: [index, 1], ys: 1 };\n");
    await Deno.writeTextFile(path, source);
    const error = await assertRejects(() => trained(path, { loaders: 1 }), Error);
    assertStringIncludes(error.message, "data().train: batch() of samples");
    assertStringIncludes(error.message, "threw: no sample");
    const cause = error.cause as Error;
    assertEquals(cause.name, "RangeError");
    assertStringIncludes(cause.stack ?? "", path);
  });
});

Deno.test("a loader whose data differ, that cannot load them, or that ends, is told", async () => {
  const inThread = `"WorkerGlobalScope" in globalThis`;
  const rows = `sample: async (index: number) => ({ xs: [index, 1], ys: 1 })`;
  const cases = [
    [
      `() => ({ train: { length: ${inThread} ? 39 : 40, ${rows} } })`,
      "and 39 when it is loaded again",
    ],
    [
      `() => { if (${inThread}) throw new Error("no such data"); return { train: { length: 40, ${rows} } }; }`,
      "no such data",
    ],
    [
      `() => { if (${inThread}) Promise.reject(new Error("left alone")); return { train: { length: 40, ${rows} } }; }`,
      "left alone",
    ],
    [
      `() => ({ train: { length: 40, async sample() {
        if (${inThread}) Deno.exit(0);
        return { xs: [1, 1], ys: 1 };
      } } })`,
      "loader thread",
    ],
    [
      `() => ({ train: { length: 40, async sample() {
        if (${inThread}) (globalThis as unknown as { close(): void }).close();
        return { xs: [1, 1], ys: 1 };
      } } })`,
      "loader thread",
    ],
  ] as const;
  for (const [data, message] of cases) {
    await withModule(moduleOf(data), async (path) => {
      const error = await assertRejects(() => trained(path, { loaders: 1, max_steps: 200 }), Error);
      assertStringIncludes(error.message, message);
    });
  }
});

Deno.test("a worker with loaders repeats a run to the bit through release, and ends with them", async () => {
  // Long enough for a pause to come before the end, however busy the machine is.
  const folder = await Deno.makeTempDir();
  try {
    const expected = await trained(fixture("sampled"), {
      loaders: 0,
      max_steps: 300,
      max_epochs: 99,
    });
    const start = (changes: Partial<LaunchContext> = {}) =>
      new WorkerProcess(launchContext(fixture("sampled"), folder, {
        config: { loaders: 2, prefetch: 4, max_steps: 300, max_epochs: 99 },
        ...changes,
      }));
    const first = start();
    await first.event("trainStep", ({ step }) => step >= 12);
    await first.send("pause", {});
    assertEquals((await first.release()).code, 0);
    const { file, sha256, checkpoint } = first.all("checkpoint_saved").at(-1)!;
    const reference = { job: "job-test", checkpoint, path: `${folder}/${file}`, sha256 };
    const second = start({
      run_gen: 2,
      next_checkpoint: checkpoint + 100,
      start: { from: "checkpoint", checkpoint: reference },
    });
    assertEquals((await second.ended()).code, 0);
    for (const worker of [first, second]) {
      for (const [step, loss] of worker.losses()) {
        assertEquals(loss, expected.losses[step - 1], `step ${step}`);
      }
    }
    assertEquals(second.all("trainStep").at(-1)!.step, 300);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("loaders leave no tensor behind", async () => {
  await trained(fixture("sampled"), { loaders: 2, max_steps: 3 });
  const before = tf.memory().numTensors;
  await trained(fixture("sampled"), { loaders: 0, max_steps: 3, prefetch: 0 });
  const without = tf.memory().numTensors - before;
  await trained(fixture("sampled"), { loaders: 2, max_steps: 3, prefetch: 0 });
  assertEquals(tf.memory().numTensors - before, 2 * without);
});
