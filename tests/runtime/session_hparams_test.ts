import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import { HPARAM_NAMES, HparamsPatch } from "../../runtime/protocol/hparams.ts";
import type { TrainerEvent } from "../../runtime/protocol/events.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";

const TEMPERED = fromFileUrl(new URL("../fixtures/tempered.ts", import.meta.url));
const STEPS = 200;

type Saved = Extract<TrainerEvent, { type: "checkpoint_saved" }>;

/** One change of everything; the batch size does not divide where the epoch stands. */
const CHANGE = HparamsPatch.parse({
  lr: 0.02,
  momentum: 0.5,
  grad_clip_norm: null,
  grad_clip_value: 0.1,
  batch_size: 24,
  schedule: { name: "cosine", period: 40, restarts: true },
  hparams: { temperature: 2, smooth: true },
});

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function start(folder: string, changes: Partial<LaunchContext> = {}): WorkerProcess {
  const config = { max_steps: STEPS, ckpt_every_steps: null, ...changes.config };
  return new WorkerProcess(launchContext(TEMPERED, folder, { ...changes, config }));
}

function reference(folder: string, { run_id: job, checkpoint, file, sha256 }: Saved) {
  return { job, checkpoint, path: join(folder, file), sha256 };
}

async function finalWeights(folder: string, worker: WorkerProcess): Promise<Uint8Array> {
  const { file } = worker.all("checkpoint_saved").at(-1)!;
  const bytes = await Deno.readFile(join(folder, file));
  return bytes.slice(8 + Number(new DataView(bytes.buffer).getBigUint64(0, true)));
}

function from(folder: string, saved: Saved, replay: LaunchContext["replay"]) {
  return start(folder, {
    run_gen: 2,
    next_checkpoint: 100,
    start: { from: "checkpoint", checkpoint: reference(folder, saved) },
    replay,
  });
}

Deno.test("set_hparams changes everything from one step to the next, and says from what to what", async () => {
  await withFolder(async (folder) => {
    const worker = start(folder);
    await worker.event("trainStep", ({ step }) => step >= 50);
    const reply = await worker.send("set_hparams", CHANGE);
    assertEquals((await worker.ended()).code, 0);
    const { applied_at_step: step, checkpoint, hparams, changed } = reply.data!;
    const from = { step, epoch: Math.floor(step as number / 8) };
    const spec = { ...CHANGE.schedule as object, from };
    const now: Record<string, unknown> = { ...CHANGE, schedule: spec };
    assertEquals(hparams, now);
    assertEquals(changed, {
      lr: { from: 0.05, to: 0.02 },
      momentum: { from: 0.9, to: 0.5 },
      grad_clip_norm: { from: 1, to: null },
      grad_clip_value: { from: null, to: 0.1 },
      batch_size: { from: 32, to: 24 },
      schedule: { from: "module", to: spec },
      "hparams.temperature": { from: 1, to: 2 },
      "hparams.smooth": { from: false, to: true },
    });
    const [event] = worker.all("hparams_changed");
    assertEquals(HPARAM_NAMES.map((name) => event![name]), HPARAM_NAMES.map((name) => now[name]));
    assertEquals([event!.changed, event!.steps_per_epoch], [changed, 11]);
    const before = worker.all("checkpoint_saved").find(({ reason }) => reason === "hparams")!;
    assertEquals([before.checkpoint, before.step], [checkpoint, step]);
    const order = worker.events.map(({ type }) => type)
      .filter((type) => ["command_applied", "hparams_changed"].includes(type));
    assertEquals(order, ["command_applied", "hparams_changed"]);
    const next = worker.all("trainStep").find((event) => event.step === step as number + 1)!;
    assertEquals(next.lr, 0.02);
  });
});

Deno.test("set_hparams of a batch size goes on with the epoch's samples, in their order", async () => {
  await withFolder(async (folder) => {
    const worker = start(folder, { config: { max_steps: 60 } });
    await worker.event("trainStep", ({ step }) => step >= 10);
    const { data } = await worker.send("set_hparams", { batch_size: 24 });
    assertEquals((await worker.ended()).code, 0);
    const at = data!["applied_at_step"] as number;
    // 256 samples: what was drawn in batches of 32 counts, the rest comes in batches of 24.
    const rest = Math.ceil((256 - 32 * (at % 8)) / 24);
    const ends = worker.all("epoch_end").map(({ step }) => step).filter((step) => step > at);
    assertEquals(ends.slice(0, 2), [at + rest, at + rest + 11]);
  });
});

Deno.test("set_hparams repeats to the bit through a kill, a rewind and a fork", async (t) => {
  await withFolder(async (folder) => {
    const first = start(folder);
    await first.event("trainStep", ({ step }) => step >= 30);
    await first.send("save_ckpt", { reason: "explicit" });
    await first.event("trainStep", ({ step }) => step >= 60);
    const { data } = await first.send("set_hparams", CHANGE);
    const at = data!["applied_at_step"] as number;
    await first.event("trainStep", ({ step }) => step >= at + 15);
    await first.send("save_ckpt", { reason: "explicit" });
    assertEquals((await first.ended()).code, 0);
    const expected = first.losses();
    const weights = await finalWeights(folder, first);
    const [before, , after] = first.all("checkpoint_saved")
      .filter(({ reason }) => reason === "explicit" || reason === "hparams");
    const command = { command: "set_hparams" as const, payload: CHANGE, applied_at_step: at };

    const assertSame = async (worker: WorkerProcess, since: number) => {
      assertEquals((await worker.ended()).code, 0);
      const losses = worker.losses();
      assertEquals(losses.size, STEPS - since);
      for (const [step, loss] of losses) assertEquals(loss, expected.get(step), `step ${step}`);
      assertEquals(await finalWeights(folder, worker), weights);
    };
    await t.step("from a checkpoint before it, replayed", async () => {
      const replay = { until_step: STEPS - 10, commands: [command] };
      await assertSame(from(folder, before!, replay), before!.step);
    });
    await t.step(
      "at the last step that the log has, without a checkpoint of half of it",
      async () => {
        const worker = from(folder, before!, { until_step: at, commands: [command] });
        await assertSame(worker, before!.step);
        assert(worker.all("checkpoint_saved").every(({ reason }) => reason !== "hparams"));
      },
    );
    await t.step("from a checkpoint after it, which holds it", async () => {
      await assertSame(from(folder, after!, { until_step: 0, commands: [] }), after!.step);
    });
    await t.step("rewound to before it, which undoes it", async () => {
      const worker = from(folder, after!, { until_step: 0, commands: [] });
      const paused = await worker.send("pause", {});
      assert(paused.ok);
      const { job: _, ...checkpoint } = reference(folder, before!);
      await worker.send("load_ckpt", checkpoint);
      const told = worker.all("hparams_changed").at(-1)!;
      assertEquals([told.momentum, told.batch_size, told.schedule], [0.9, 32, "module"]);
      assertEquals(told.hparams, { temperature: 1, smooth: false });
      assertEquals(told.changed["hparams.temperature"], { from: 2, to: 1 });
      await worker.release();
    });
    await t.step("a fork takes them over, but for what it sets itself", async () => {
      const child = start(folder, {
        run_id: "job-child",
        next_checkpoint: 500,
        config: { max_steps: 1, momentum: 0.25, hparams: { temperature: 3, smooth: true } },
        start: {
          from: "fork",
          checkpoint: reference(folder, after!),
          origin_step: after!.step,
          selection: { kind: "all" },
          optimizer: "keep",
          lr_mul: 0.5,
          overrides: ["momentum", "hparams"],
        },
      });
      const changed = await child.send("set_hparams", { grad_clip_norm: 7 });
      await child.ended();
      assertEquals(changed.data!["hparams"], {
        ...CHANGE,
        lr: 0.01,
        momentum: 0.25,
        grad_clip_norm: 7,
        schedule: (data!["hparams"] as { schedule: unknown }).schedule,
        hparams: { temperature: 3, smooth: true },
      });
    });
  });
});

Deno.test("set_hparams refuses what the run does not have, and changes nothing", async () => {
  await withFolder(async (folder) => {
    const SPIRALS = fromFileUrl(new URL("../fixtures/spirals.ts", import.meta.url));
    const plain = new WorkerProcess(launchContext(SPIRALS, folder, { goal: "paused" }));
    await plain.event("paused");
    const refusal = async (worker: WorkerProcess, payload: Record<string, unknown>) => {
      const { ok, error, detail } = await worker.send("set_hparams", payload);
      assertEquals([ok, error], [false, "bad_hparams"]);
      return detail;
    };
    assertEquals(
      await refusal(plain, { lr: 0.5, momentum: 0.5 }),
      "momentum: optimizer Adam has none; Momentum and RMSProp have",
    );
    assertEquals(
      await refusal(plain, { batch_size: 257 }),
      "batch_size: expected at most 256, the training samples",
    );
    assertEquals(
      await refusal(plain, { hparams: { heat: 1 } }),
      "hparams.heat: the module declares no such one; it declares none",
    );
    const { data } = await plain.send("set_hparams", { grad_clip_norm: 2 });
    assertEquals((data!["hparams"] as { lr: number }).lr, 0.01);
    await plain.release();
    const tempered = start(folder, { goal: "paused" });
    await tempered.event("paused");
    assertEquals(
      await refusal(tempered, { hparams: { heat: 1 } }),
      "hparams.heat: the module declares no such one; there are temperature, smooth",
    );
    assertEquals(
      await refusal(tempered, { hparams: { temperature: true } }),
      "hparams.temperature: expected a number, got a boolean",
    );
    await tempered.release();
  });
});
