import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { loadCheckpoint } from "../../runtime/checkpoints/checkpoint.ts";
import { learningRateOf, setLearningRate } from "../../runtime/checkpoints/learning_rate.ts";
import { momentumOf, setMomentum } from "../../runtime/checkpoints/momentum.ts";
import { OptimizerGroup } from "../../runtime/checkpoints/optimizer_group.ts";
import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import { buildOptimizer } from "../../runtime/session/build_optimizer.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";
import adversarial from "../fixtures/adversarial.ts";

const ADVERSARIAL = fromFileUrl(new URL("../fixtures/adversarial.ts", import.meta.url));
const STEPS = 120;

const start = (folder: string, changes: Partial<LaunchContext> = {}) =>
  new WorkerProcess(
    launchContext(ADVERSARIAL, folder, { ...changes, config: { max_steps: STEPS } }),
  );

/** Figures of every step, and the bytes of all that the last checkpoint holds. */
async function whole(folder: string, ...workers: WorkerProcess[]) {
  const figures = new Map<number, unknown>();
  for (
    const { step, loss, critic_loss, generator_loss } of workers.flatMap((worker) =>
      worker.all("trainStep")
    )
  ) {
    const told = [loss, critic_loss, generator_loss];
    if (figures.has(step)) assertEquals(told, figures.get(step), `step ${step} repeated`);
    figures.set(step, told);
  }
  const { file, sha256 } = workers.at(-1)!.all("checkpoint_saved").at(-1)!;
  const { tensors } = await loadCheckpoint(join(folder, file), sha256);
  return { figures, tensors };
}

Deno.test("a step with two optimizers repeats to the bit through a pause, a kill and a rewind", async () => {
  const folder = await Deno.makeTempDir();
  const calm = join(folder, "calm");
  await Deno.mkdir(calm);
  const undisturbed = start(calm);
  assertEquals((await undisturbed.ended()).code, 0);
  const expected = await whole(calm, undisturbed);
  assertEquals(expected.figures.size, STEPS);
  const slots = [...expected.tensors.keys()].filter((name) => name.startsWith("optimizer/"));
  assertEquals(slots.filter((name) => name.startsWith("optimizer/generator/")).length, 2 + 2 * 4);
  assertEquals(slots.filter((name) => name.startsWith("optimizer/critic/")).length, 2 * 4);

  const first = start(folder);
  await first.event("trainStep", ({ step }) => step >= 20);
  await first.send("pause", {});
  await first.send("resume", {});
  await first.event("trainStep", ({ step }) => step >= 40);
  await first.kill();
  const { run_id: job, checkpoint, file, sha256 } = first.all("checkpoint_saved").at(-1)!;
  const path = join(folder, file);
  const second = start(folder, {
    run_gen: 2,
    next_checkpoint: 100,
    start: { from: "checkpoint", checkpoint: { job, checkpoint, path, sha256 } },
    replay: { until_step: first.all("trainStep").at(-1)!.step, commands: [] },
  });
  await second.event("trainStep", ({ step }) => step >= 70);
  await second.send("pause", {});
  await second.send("load_ckpt", { checkpoint, path, sha256 });
  await second.send("resume", {});
  assertEquals((await second.ended()).code, 0);
  assertEquals(await whole(folder, first, second), expected);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("OptimizerGroup moves every rate in its proportion, and each momentum there is", async () => {
  await chooseBackend("cpu", 1);
  const [adam, momentum, rms] = [
    tf.train.adam(0.1),
    tf.train.momentum(0.02, 0.9),
    tf.train.rmsprop(0.1, 0.9, 0.5),
  ];
  const group = new OptimizerGroup({ adam, momentum, rms });
  assertEquals([learningRateOf(group), momentumOf(group)], [0.1, 0.9]);
  setLearningRate(group, 0.5);
  setMomentum(group, 0.25);
  assertEquals(learningRateOf(adam), 0.5);
  assertAlmostEquals(learningRateOf(momentum), 0.1, 1e-12);
  assertEquals([momentum, rms].map(momentumOf), [0.25, 0.25]);
  const x = tf.variable(tf.scalar(1));
  // Nesterov aside: v = m v + g, x = x - lr v; twice on a gradient of 1.
  for (let step = 0; step < 2; step++) {
    momentum.applyGradients([{ name: x.name, tensor: tf.scalar(1) }]);
  }
  assertAlmostEquals(x.dataSync()[0]!, 1 - 0.1 - 0.1 * 1.25, 1e-6);
  group.dispose();
});

Deno.test("buildOptimizer() takes several only for a step that says what each moves", async () => {
  await chooseBackend("cpu", 1);
  const { trainStep: _, ...plain } = adversarial;
  assertThrows(() => buildOptimizer(plain), TypeError, "several (generator, critic)");
  const made = (optimizer: unknown) =>
    buildOptimizer({ ...adversarial, optimizer: () => optimizer as tf.Optimizer });
  for (const wrong of [null, {}, { a: tf.train.sgd(1), b: 3 }, "adam"]) {
    assertThrows(() => made(wrong), TypeError, "optimizer() must return");
  }
  assertThrows(() => made({ "a/b": tf.train.sgd(1) }), TypeError, '"a/b" is no name');
  assert(OptimizerGroup.is(buildOptimizer(adversarial)));
});
