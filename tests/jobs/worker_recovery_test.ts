import { assert, assertEquals } from "@std/assert";
import type { ControlRequest } from "../../jobs/control_plane.ts";
import type { JobManifest, Receipt } from "../../jobs/job.ts";
import { SupervisorFixture } from "../fixtures/supervisor_fixture.ts";

const CONFIG = { max_steps: 60, max_epochs: 9, ckpt_every_steps: 10, seed: 1 };
const STEPS = Array.from({ length: 60 }, (_, index) => index + 1);

/** The steps of the same job, undisturbed. */
async function undisturbed(prepare?: (fixture: SupervisorFixture) => void) {
  await using fixture = await SupervisorFixture.open();
  prepare?.(fixture);
  const { id } = await fixture.submit(CONFIG);
  await fixture.untilState(id, "completed");
  return await fixture.steps(id);
}

/** Kills the first worker right before it takes this step. */
function dieBefore(fixture: SupervisorFixture, deadly: number, attempts = 1): void {
  fixture.launcher.script = {
    beforeStep: (step, { run_id, run_gen }) => {
      if (run_gen <= attempts && step === deadly) fixture.launcher.worker(run_id).die("SIGKILL");
    },
  };
}

Deno.test("a worker that is killed at any step is replaced, and every step is logged once, the same", async () => {
  const expected = await undisturbed();
  for (const deadly of [2, 11, 12, 37, 60]) {
    await using fixture = await SupervisorFixture.open();
    dieBefore(fixture, deadly);
    const { id } = await fixture.submit(CONFIG);
    const manifest = await fixture.untilState(id, "completed");
    assertEquals(await fixture.steps(id), expected, `killed before step ${deadly}`);
    assertEquals(manifest.attempt, 2);
    assertEquals(manifest.take, 1);
    assertEquals(
      await fixture.path(id),
      ["starting", "running", "recovering", "starting", "running", "completed"],
    );
    const [recovered] = await fixture.events(id, "recovered");
    assertEquals(recovered!.fields.step, Math.floor((deadly - 1) / 10) * 10);
    for (const type of ["epoch_end", "validation"]) {
      assertEquals((await fixture.events(id, type)).map(({ step }) => step), [
        10,
        20,
        30,
        40,
        50,
        60,
      ]);
    }
  }
});

Deno.test("recovery applies a change of hyperparameters again at its step", async () => {
  await using fixture = await SupervisorFixture.open();
  const gate = Promise.withResolvers<void>();
  fixture.launcher.script = {
    beforeStep: async (step, { run_id, run_gen }) => {
      if (run_gen === 1 && step === 27) await gate.promise;
      if (run_gen === 1 && step === 35) fixture.launcher.worker(run_id).die("SIGKILL");
    },
  };
  const { id } = await fixture.submit({ ...CONFIG, ckpt_every_steps: 20 });
  await fixture.untilStep(id, 26);
  const command = await fixture.jobs.command(id, { command: "hparams", lr: 0.7 }, "tester");
  gate.resolve();
  const { applied_at_step, hparams } = await command.receipt;
  assertEquals(hparams, { lr: 0.7, grad_clip_norm: null });
  const manifest = await fixture.untilState(id, "completed");
  assertEquals((await fixture.steps(id)).map(([, step]) => step), STEPS);
  assertEquals(await fixture.events(id, "replay_diverged"), []);
  assertEquals(manifest.config.lr, 0.7);
  const changes = await fixture.events(id, "hparams_changed", "command_applied");
  assertEquals(changes.map(({ step }) => step), [applied_at_step, applied_at_step]);
  const lrs = (await fixture.events(id, "trainStep")).map(({ fields }) => fields.lr);
  assertEquals(lrs.indexOf(0.7), Number(applied_at_step));
});

Deno.test("a command whose worker dies before it answers is carried out by the next one", async () => {
  await using fixture = await SupervisorFixture.open();
  const commands: [
    ControlRequest,
    (receipt: Receipt, manifest: JobManifest) => unknown,
    unknown,
  ][] = [
    [{ command: "hparams", lr: 0.7 }, (receipt) => receipt["hparams"], {
      lr: 0.7,
      grad_clip_norm: null,
    }],
    [{ command: "rewind", checkpoint: 2 }, (_, { take }) => take, 2],
    [{ command: "resume", max_steps: 90 }, (_, { step }) => step, 90],
  ];
  for (const [request, read, expected] of commands) {
    fixture.launcher.script = {
      beforeStep: (step, { run_gen }) =>
        run_gen === 1 && step === 27 ? new Promise(() => {}) : undefined,
    };
    const { id } = await fixture.submit(CONFIG);
    await fixture.untilStep(id, 26);
    const command = await fixture.jobs.command(id, request, "tester");
    fixture.launcher.worker(id).die("SIGKILL");
    const receipt = await command.receipt;
    assertEquals(receipt.status, "applied");
    const manifest = await fixture.untilState(id, "completed");
    assertEquals(read(receipt, manifest), expected, request.command);
    assertEquals(await fixture.events(id, "replay_diverged"), []);
  }
});

Deno.test("a paused job whose worker dies comes back paused, and resumes where it was", async () => {
  const expected = await undisturbed();
  await using fixture = await SupervisorFixture.open();
  const hold = Promise.withResolvers<void>();
  fixture.launcher.script = {
    beforeStep: (step, { run_gen }) => run_gen === 1 && step === 25 ? hold.promise : undefined,
  };
  const { id } = await fixture.submit(CONFIG);
  await fixture.untilStep(id, 24);
  const pause = await fixture.jobs.command(id, { command: "pause", release: false }, "tester");
  hold.resolve();
  const { applied_at_step } = await pause.receipt;
  fixture.launcher.worker(id).die("SIGKILL");
  await fixture.until(id, ({ state, attempt }) => state === "paused" && attempt === 2);
  assertEquals((await fixture.events(id, "paused")).length, 1);
  await fixture.control(id, { command: "resume" });
  const manifest = await fixture.untilState(id, "completed");
  assertEquals(await fixture.steps(id), expected);
  assertEquals(manifest.take, 1);
  assertEquals((await fixture.events(id, "paused"))[0]!.step, applied_at_step);
});

Deno.test("a job that is stopping when its worker dies still stops", async () => {
  await using fixture = await SupervisorFixture.open();
  fixture.launcher.script = {
    beforeStep: async (step, { run_id, run_gen }) => {
      if (run_gen > 1 || step < 25) return;
      await fixture.untilState(run_id, "stopping");
      fixture.launcher.worker(run_id).die("SIGKILL");
    },
  };
  const { id } = await fixture.submit(CONFIG);
  await fixture.untilStep(id, 24);
  const receipt = await fixture.control(id, { command: "stop" });
  assertEquals(receipt.state, "stopped");
  assertEquals((await fixture.steps(id)).map(([, step]) => step), STEPS.slice(0, 24));
  assertEquals((await fixture.jobs.get(id)).attempt, 2);
});

Deno.test("a replay that differs opens a new take at the step that differs", async () => {
  await using fixture = await SupervisorFixture.open();
  dieBefore(fixture, 38);
  fixture.launcher.script.noise = (step, { run_gen }) => run_gen === 2 && step >= 35 ? 1e-9 : 0;
  const { id } = await fixture.submit(CONFIG);
  const manifest = await fixture.untilState(id, "completed");
  const steps = (await fixture.steps(id)).map(([take, step]) => `${take}:${step}`);
  assertEquals(steps, [
    ...STEPS.slice(0, 37).map((step) => `1:${step}`),
    ...STEPS.slice(34).map((step) => `2:${step}`),
  ]);
  const [diverged, ...others] = await fixture.events(id, "replay_diverged");
  assertEquals(others, []);
  assertEquals([diverged!.step, diverged!.take, diverged!.fields.field], [35, 2, "loss"]);
  assertEquals(manifest.take, 2);
});

Deno.test("a changed runtime is told, and other bits then open a take without a divergence", async () => {
  await using fixture = await SupervisorFixture.open();
  dieBefore(fixture, 38);
  fixture.launcher.script.noise = (_step, { run_gen }) => run_gen === 2 ? 1e-9 : 0;
  fixture.launcher.script.runtime = ({ run_gen }) => ({ deno: `${run_gen}` });
  const { id } = await fixture.submit(CONFIG);
  const manifest = await fixture.untilState(id, "completed");
  const [changed] = await fixture.events(id, "runtime_changed");
  const { field, from, to } = changed!.fields;
  assertEquals([field, from, to], ["deno", "1", "2"]);
  assertEquals(await fixture.events(id, "replay_diverged"), []);
  assertEquals(manifest.take, 2);
});

Deno.test("a damaged newest checkpoint falls back to the one before", async () => {
  const expected = await undisturbed();
  await using fixture = await SupervisorFixture.open();
  fixture.launcher.script = {
    beforeStep: async (step, { run_id, run_gen, checkpoint_dir }) => {
      if (run_gen > 1 || step !== 38) return;
      await Deno.writeTextFile(`${checkpoint_dir}/000004.safetensors`, "damaged");
      fixture.launcher.worker(run_id).die("SIGKILL");
    },
  };
  const { id } = await fixture.submit(CONFIG);
  await fixture.untilState(id, "completed");
  const [recovered] = await fixture.events(id, "recovered");
  const { checkpoint, skipped, step } = recovered!.fields;
  assertEquals([checkpoint, skipped, step], [3, [4], 20]);
  assertEquals(await fixture.steps(id), expected);
});

Deno.test("a job without any sound checkpoint begins anew, changes of its hyperparameters included", async () => {
  await using fixture = await SupervisorFixture.open();
  const gate = Promise.withResolvers<void>();
  fixture.launcher.script = {
    beforeStep: async (step, { run_id, run_gen, checkpoint_dir }) => {
      if (run_gen === 1 && step === 15) await gate.promise;
      if (run_gen > 1 || step !== 38) return;
      await Deno.remove(checkpoint_dir, { recursive: true });
      fixture.launcher.worker(run_id).die("SIGKILL");
    },
  };
  const { id } = await fixture.submit(CONFIG);
  await fixture.untilStep(id, 14);
  const command = await fixture.jobs.command(id, { command: "hparams", lr: 0.7 }, "tester");
  gate.resolve();
  await command.receipt;
  const manifest = await fixture.untilState(id, "completed");
  assertEquals(
    (await fixture.steps(id)).map(([take, step]) => [take, step]),
    STEPS.map((s) => [1, s]),
  );
  assertEquals(await fixture.events(id, "replay_diverged"), []);
  assertEquals(manifest.config.lr, 0.7);
});

Deno.test("a worker that dies again and again without a newer checkpoint fails its job", async () => {
  await using fixture = await SupervisorFixture.open();
  dieBefore(fixture, 15, 99);
  const { id } = await fixture.submit(CONFIG);
  const manifest = await fixture.untilState(id, "failed");
  assertEquals(manifest.attempt, 4);
  assertEquals(manifest.error!.cause, "signal");
  assertEquals((await fixture.steps(id)).map(([, step]) => step), STEPS.slice(0, 14));
});

Deno.test("recovery after a rewind goes on from the checkpoint that was loaded", async () => {
  await using fixture = await SupervisorFixture.open();
  const rewound = Promise.withResolvers<void>();
  fixture.launcher.script = {
    beforeStep: async (step, { run_id, run_gen }) => {
      if (run_gen === 1 && step === 33) await rewound.promise;
      const { take } = await fixture.jobs.get(run_id);
      if (run_gen === 1 && take === 2 && step === 17) {
        fixture.launcher.worker(run_id).die("SIGKILL");
      }
    },
  };
  const { id } = await fixture.submit(CONFIG);
  await fixture.untilStep(id, 32);
  const command = await fixture.jobs.command(id, { command: "rewind", checkpoint: 2 }, "tester");
  rewound.resolve();
  const receipt = await command.receipt;
  assertEquals(receipt.step, 10);
  await fixture.untilState(id, "completed");
  const takes = Map.groupBy(await fixture.steps(id), ([take]) => take);
  assertEquals(takes.get(2)!.map(([, step]) => step), STEPS.slice(10));
  assertEquals(
    takes.get(1)!.map(([, step]) => step),
    STEPS.slice(0, Number(receipt.applied_at_step)),
  );
  // The same weights from the same step on: the same losses.
  for (const [, step, loss] of takes.get(2)!) {
    const before = takes.get(1)!.find(([, other]) => other === step);
    if (before) assertEquals(loss, before[2], `step ${step}`);
  }
});

Deno.test("checkpoint files that no record names are swept, others are kept", async () => {
  await using fixture = await SupervisorFixture.open();
  const { id } = await fixture.submit(CONFIG);
  await fixture.untilState(id, "completed");
  const stray = `${fixture.artifacts.jobDir(id)}/checkpoints/1/000099.safetensors`;
  await Deno.writeTextFile(stray, "stray");
  await fixture.crash();
  const there = await Array.fromAsync(
    Deno.readDir(`${fixture.artifacts.jobDir(id)}/checkpoints/1`),
  );
  assert(!there.some(({ name }) => name === "000099.safetensors"));
  assertEquals(there.length, (await fixture.jobs.checkpoints(id)).length);
});

Deno.test("what a worker was saving when it died is gone once the next one trains", async () => {
  await using fixture = await SupervisorFixture.open();
  const folder = (id: string) => `${fixture.artifacts.jobDir(id)}/checkpoints`;
  fixture.launcher.script = {
    beforeStep: (step, { run_id, run_gen }) => {
      if (run_gen > 1 || step !== 37) return;
      Deno.writeTextFileSync(`${folder(run_id)}/1/000099.safetensors`, "half");
      fixture.launcher.worker(run_id).die("SIGKILL");
    },
  };
  const { id } = await fixture.submit(CONFIG);
  const { attempt } = await fixture.untilState(id, "completed");
  assertEquals(attempt, 2);
  await fixture.jobs.shutdown(2_000);
  const kept = new Set((await fixture.jobs.checkpoints(id)).map(({ path }) => path));
  for (const number of ["1", "2"]) {
    for await (const { name } of Deno.readDir(`${folder(id)}/${number}`)) {
      assert(kept.has(`checkpoints/${number}/${name}`), name);
    }
  }
});
