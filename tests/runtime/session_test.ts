import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import type { TrainerEvent } from "../../runtime/protocol/events.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";

const SPIRALS = fromFileUrl(new URL("../fixtures/spirals.ts", import.meta.url));
const STEPS = 300;

type Saved = Extract<TrainerEvent, { type: "checkpoint_saved" }>;

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function start(folder: string, changes: Partial<LaunchContext> = {}): WorkerProcess {
  const config = { max_epochs: 1000, max_steps: STEPS, ...changes.config };
  return new WorkerProcess(launchContext(SPIRALS, folder, { ...changes, config }));
}

function reference(folder: string, { run_id: job, checkpoint, file, sha256 }: Saved) {
  return { job, checkpoint, path: join(folder, file), sha256 };
}

/** The run that nobody disturbed: its losses, and the hash of its last checkpoint. */
async function undisturbed(folder: string) {
  const worker = start(folder);
  assertEquals((await worker.ended()).code, 0);
  return { losses: worker.losses(), weights: await finalWeights(folder, worker) };
}

/** The bytes of the final checkpoint after its header: every tensor, no counters. */
async function finalWeights(folder: string, worker: WorkerProcess): Promise<Uint8Array> {
  const { file } = worker.all("checkpoint_saved").at(-1)!;
  const bytes = await Deno.readFile(join(folder, file));
  const header = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  return bytes.slice(8 + header);
}

Deno.test("Session trains its steps, each reported once, and answers with a final checkpoint", async () => {
  await withFolder(async (folder) => {
    const worker = start(folder);
    assertEquals((await worker.ended()).code, 0);
    const steps = worker.all("trainStep").map(({ step }) => step);
    assertEquals(steps, Array.from({ length: STEPS }, (_, i) => i + 1));
    assertEquals(worker.all("trainingFinished")[0]?.reason, "max_steps");
    assertEquals(worker.all("checkpoint_saved").at(-1)?.step, STEPS);
    const { loss, accuracy, lr, grad_norm, weight_norm, throughput } = worker.all("trainStep")[0]!;
    for (const figure of [loss, accuracy, lr, grad_norm, weight_norm, throughput]) {
      assert(typeof figure === "number");
    }
    assertEquals(
      worker.events.map(({ event_seq }) => event_seq),
      worker.events.map((_, i) => i + 1),
    );
  });
});

Deno.test("Session paused and resumed repeats the undisturbed run to the bit", async () => {
  await withFolder(async (folder) => {
    const expected = await undisturbed(folder);
    const worker = start(folder);
    await worker.event("trainStep", ({ step }) => step >= 100);
    const pause = await worker.send("pause", {});
    assert(pause.ok);
    const again = await worker.send("pause", {});
    assertEquals(again.data?.["applied_at_step"], pause.data?.["applied_at_step"]);
    await worker.send("test", { split: "test" });
    const at = worker.all("paused")[0]!.step;
    assertEquals(worker.all("trainStep").at(-1)!.step, at);
    await worker.send("resume", {});
    assertEquals((await worker.ended()).code, 0);
    assertEquals(worker.losses(), expected.losses);
    assertEquals(await finalWeights(folder, worker), expected.weights);
  });
});

Deno.test("Session released at a pause goes on in another process to the bit", async () => {
  await withFolder(async (folder) => {
    const expected = await undisturbed(folder);
    const first = start(folder);
    await first.event("trainStep", ({ step }) => step >= 77);
    await first.send("pause", {});
    assertEquals((await first.release()).code, 0);
    const saved = first.all("checkpoint_saved").at(-1)!;
    const second = start(folder, {
      run_gen: 2,
      next_checkpoint: saved.checkpoint + 1,
      start: { from: "checkpoint", checkpoint: reference(folder, saved) },
    });
    assertEquals((await second.ended()).code, 0);
    assertEquals(new Map([...first.losses(), ...second.losses()]), expected.losses);
    assertEquals(await finalWeights(folder, second), expected.weights);
  });
});

Deno.test("Session killed recovers from its checkpoint and replays a learning rate change to the bit", async () => {
  await withFolder(async (folder) => {
    const first = start(folder);
    await first.event("trainStep", ({ step }) => step >= 60);
    await first.send("save_ckpt", { reason: "explicit" });
    await first.event("trainStep", ({ step }) => step >= 90);
    await first.send("set_hparams", { lr: 0.002 });
    await first.event("trainStep", ({ step }) => step >= 130);
    await first.kill();
    const saved = first.all("checkpoint_saved").find(({ reason }) => reason === "explicit")!;
    const changed = first.all("command_applied").find(({ command }) => command === "set_hparams")!;
    const untilStep = first.all("trainStep").at(-1)!.step;
    const second = start(folder, {
      run_gen: 2,
      next_checkpoint: 100,
      start: { from: "checkpoint", checkpoint: reference(folder, saved) },
      replay: {
        until_step: untilStep,
        commands: [{
          command: "set_hparams",
          payload: { lr: 0.002 },
          applied_at_step: changed.applied_at_step,
        }],
      },
    });
    assertEquals((await second.ended()).code, 0);
    const replayed = second.losses();
    for (const [step, loss] of first.losses()) {
      if (step > saved.step) assertEquals(replayed.get(step), loss, `step ${step}`);
    }
    assertEquals(second.all("trainStep").at(-1)!.lr, 0.002);
    assertEquals(second.all("command_applied"), []);
  });
});

Deno.test("Session forked with all samples at step 150 repeats its parent to the bit", async () => {
  await withFolder(async (folder) => {
    const expected = await undisturbed(folder);
    const parent = start(folder, { config: { max_steps: 150 } });
    assertEquals((await parent.ended()).code, 0);
    const saved = parent.all("checkpoint_saved").at(-1)!;
    const child = start(folder, {
      run_id: "job-child",
      next_checkpoint: 500,
      config: { max_steps: STEPS - 150 },
      start: {
        from: "fork",
        checkpoint: reference(folder, saved),
        origin_step: 150,
        selection: { kind: "all" },
        optimizer: "keep",
        lr_mul: 1,
      },
    });
    assertEquals((await child.ended()).code, 0);
    assertEquals(child.all("trainStep")[0]?.axis_step, 151);
    const losses = new Map(child.all("trainStep").map((event) => [event.axis_step, event.loss]));
    for (const [step, loss] of losses) assertEquals(loss, expected.losses.get(step));
    assertEquals(losses.size, STEPS - 150);
    assertEquals(await finalWeights(folder, child), expected.weights);
  });
});

Deno.test("Session rewound trains the same steps again to the bit", async () => {
  await withFolder(async (folder) => {
    const worker = start(folder);
    await worker.event("trainStep", ({ step }) => step >= 50);
    await worker.send("save_ckpt", { reason: "explicit" });
    const saved = worker.all("checkpoint_saved").at(-1)!;
    await worker.event("trainStep", ({ step }) => step >= 120);
    await worker.send("pause", {});
    const before = worker.losses();
    const { job: _, ...checkpoint } = reference(folder, saved);
    const rewound = await worker.send("load_ckpt", checkpoint);
    assertEquals(rewound.data?.["step"], saved.step);
    const first = worker.events.length;
    await worker.send("resume", {});
    assertEquals((await worker.ended()).code, 0);
    const again = worker.events.slice(first).filter((event) => event.type === "trainStep");
    assertEquals(again[0]?.step, saved.step + 1);
    for (const { step, loss } of again) if (before.has(step)) assertEquals(loss, before.get(step));
  });
});

Deno.test("Session whose disk refuses a checkpoint says so and trains on", async () => {
  await withFolder(async (folder) => {
    const gone = join(folder, "gone");
    await Deno.mkdir(gone);
    const worker = new WorkerProcess(
      launchContext(SPIRALS, gone, { config: { max_epochs: 1000, max_steps: STEPS } }),
    );
    await worker.event("trainStep", ({ step }) => step >= 40);
    await Deno.remove(gone, { recursive: true });
    const pause = await worker.send("pause", {});
    assertEquals([pause.ok, pause.data?.["checkpoint"]], [true, null]);
    const save = await worker.send("save_ckpt", { reason: "explicit" });
    assertEquals([save.ok, save.error], [false, "checkpoint_unusable"]);
    const { message, fatal } = worker.all("error")[0]!;
    assert(message.startsWith("checkpoint not saved"));
    assertEquals(fatal, false);
    await worker.send("resume", {});
    assertEquals((await worker.ended()).code, 0);
    assertEquals(worker.all("trainStep").length, STEPS);
  });
});
