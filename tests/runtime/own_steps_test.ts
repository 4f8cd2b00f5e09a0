import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import type { TrainerEvent } from "../../runtime/protocol/events.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";

const OWN_STEPS = fromFileUrl(new URL("../fixtures/own_steps.ts", import.meta.url));

Deno.test("a module's own steps, schedule, metrics and callbacks are part of the run", async (t) => {
  const folder = await Deno.makeTempDir();
  const worker = new WorkerProcess(launchContext(OWN_STEPS, folder));
  assertEquals((await worker.ended()).code, 0);
  const steps = worker.all("trainStep");

  await t.step("figures that trainStep returns land in the events", () => {
    for (const { loss, twice } of steps) assertAlmostEquals(twice!, 2 * loss!, 1e-12);
    assertEquals(steps[0]!.grad_norm, null);
  });
  await t.step("the schedule moves the learning rate along half a cosine", () => {
    const lr = (step: number) => 0.01 + 0.09 * (1 + Math.cos(Math.PI * (step - 1) / 2000)) / 2;
    for (const step of steps) assertAlmostEquals(step.lr!, lr(step.step), 1e-12);
  });
  await t.step("validation has the module's metrics", () => {
    const validations = worker.all("validation");
    assert(validations.length > 3);
    for (const { metrics, val_loss } of validations) {
      assert(metrics["mae"]! > 0 && metrics["mae"]! ** 2 <= val_loss! + 1e-9);
    }
  });
  await t.step("earlyStopping() ends training before its budget, with the test after it", () => {
    assertEquals(worker.all("trainingFinished")[0]?.reason, "callback");
    assert(steps.length < 500 * 4);
    const { val_loss } = worker.all("validation").at(-1)!;
    assert(val_loss! < 0.01);
  });
  await t.step("testStep replaces the built-in test", () => {
    const { loss, metrics, accuracy } = worker.all("auto_test_complete")[0]!;
    assert(metrics["worst"]! >= loss!);
    assertEquals(accuracy, null);
  });
  await t.step("bestCheckpoint() labels the checkpoint of each better validation", () => {
    const labelled = worker.all("checkpoint_saved").filter(({ label }) => label === "best");
    const best = worker.all("validation").reduce(betterOf);
    assertEquals(labelled.at(-1)?.step, best.step);
  });
  await t.step("callbacks run at the points of training, in order", () => {
    const told = "train begins, epoch 0 begins, epoch 1 ends, epoch 1 begins";
    assert(worker.lines.includes(told), worker.lines.join("\n"));
  });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("accumulate_steps with a trainStep of the module's own is refused, naming the field", async () => {
  const folder = await Deno.makeTempDir();
  const worker = new WorkerProcess(
    launchContext(OWN_STEPS, folder, { config: { accumulate_steps: 2 } }),
  );
  assertEquals((await worker.ended()).code, 1);
  assert(worker.all("error")[0]!.message.includes("config.accumulate_steps"));
  await Deno.remove(folder, { recursive: true });
});

type Validation = Extract<TrainerEvent, { type: "validation" }>;

function betterOf(best: Validation, next: Validation): Validation {
  return next.metrics["mae"]! < best.metrics["mae"]! ? next : best;
}
