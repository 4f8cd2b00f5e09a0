import { assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";

const SPIRALS = fromFileUrl(new URL("../fixtures/spirals.ts", import.meta.url));
const HELD = { max_epochs: 1_000, max_steps: 30, test_after: true, pause_after_test: true };

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function start(folder: string, changes: Partial<LaunchContext> = {}): WorkerProcess {
  return new WorkerProcess(launchContext(SPIRALS, folder, { config: HELD, ...changes }));
}

/** A context that goes on at the newest checkpoint of a worker that has gone. */
function goOn(folder: string, worker: WorkerProcess): Partial<LaunchContext> {
  const { run_id: job, checkpoint, file, sha256 } = worker.all("checkpoint_saved").at(-1)!;
  return {
    run_gen: 2,
    next_checkpoint: checkpoint + 1,
    start: {
      from: "checkpoint",
      checkpoint: { job, checkpoint, path: join(folder, file), sha256 },
    },
  };
}

Deno.test("pause_after_test holds the run after its automatic test; a resume completes it", async () => {
  await withFolder(async (folder) => {
    const worker = start(folder);
    const paused = await worker.event("paused");
    assertEquals([paused.reason, paused.step], ["test", 30]);
    assertEquals(worker.all("auto_test_complete").length, 1);
    assertEquals(worker.all("trainingFinished"), []);
    await worker.send("resume", {});
    assertEquals((await worker.ended()).code, 0);
    assertEquals(worker.all("trainingFinished")[0]?.reason, "max_steps");
    assertEquals(worker.all("auto_test_complete").length, 1);
  });
});

Deno.test("pause_after_test and a raised budget train on to the undisturbed run's bits, and test again", async () => {
  await withFolder(async (folder) => {
    const calm = start(folder, { config: { ...HELD, max_steps: 50, pause_after_test: false } });
    assertEquals((await calm.ended()).code, 0);
    const worker = start(folder, { next_checkpoint: 100 });
    await worker.event("paused");
    await worker.send("resume", { max_steps: 50 });
    assertEquals((await worker.event("paused", ({ step }) => step === 50)).reason, "test");
    await worker.send("stop", {});
    assertEquals((await worker.ended()).code, 0);
    assertEquals(worker.losses(), calm.losses());
    assertEquals(worker.all("auto_test_complete").map(({ step }) => step), [30, 50]);
    assertEquals(worker.all("trainingFinished")[0]?.reason, "stopped");
  });
});

Deno.test("pause_after_test, released while it holds, is completed by another worker without a second test", async () => {
  await withFolder(async (folder) => {
    const first = start(folder);
    await first.event("paused");
    assertEquals((await first.release()).code, 0);
    const second = start(folder, goOn(folder, first));
    assertEquals((await second.ended()).code, 0);
    assertEquals(second.all("auto_test_complete"), []);
    assertEquals(second.all("trainStep"), []);
    assertEquals(second.all("trainingFinished")[0]?.reason, "max_steps");
  });
});

Deno.test("enforce_sampler_state takes up the place in the epoch; without it the epoch begins anew", async () => {
  await withFolder(async (folder) => {
    const config = { max_epochs: 2, max_steps: 5, ckpt_every_steps: null };
    const first = start(folder, { config });
    assertEquals((await first.ended()).code, 0);
    const perEpoch = first.all("session_started")[0]!.steps_per_epoch;
    const stepsOf = async (enforce_sampler_state: boolean) => {
      const worker = start(folder, {
        ...goOn(folder, first),
        next_checkpoint: enforce_sampler_state ? 100 : 200,
        config: { ...config, max_steps: null, enforce_sampler_state },
      });
      assertEquals((await worker.ended()).code, 0);
      const { determinism } = worker.all("session_started")[0]!;
      return { steps: worker.all("epoch_end").map(({ step }) => step), determinism };
    };
    assertEquals(await stepsOf(true), { steps: [perEpoch, 2 * perEpoch], determinism: "exact" });
    assertEquals(await stepsOf(false), {
      steps: [5 + perEpoch, 5 + 2 * perEpoch],
      determinism: "none",
    });
  });
});

Deno.test("a test with a label saves the checkpoint of its step under it, however young the last one is", async () => {
  await withFolder(async (folder) => {
    const worker = start(folder, { config: { max_epochs: 1_000 } });
    await worker.event("trainStep", ({ step }) => step >= 5);
    await worker.send("pause", {});
    const { data } = await worker.send("test", { split: "test", label: "before" });
    const saved = worker.all("checkpoint_saved").at(-1)!;
    assertEquals([saved.label, saved.step], ["before", data!["applied_at_step"]]);
    assertEquals(saved.checkpoint, data!["checkpoint"]);
    assertEquals(worker.all("test_complete")[0]?.checkpoint, saved.checkpoint);
    await worker.send("stop", {});
    assertEquals((await worker.ended()).code, 0);
  });
});
