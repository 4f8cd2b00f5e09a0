/** A run that was asked for every health check is the run that nobody asked, to the bit. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { HEALTH_CHECKS, HEALTH_COMMANDS, HealthReport } from "../../runtime/protocol/health.ts";
import { everythingModule } from "../fixtures/everything_module.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";

const STEPS = 70;

/** Tensors of the newest checkpoint, and what it says of the run. */
async function saved(worker: WorkerProcess, folder: string) {
  const { file } = worker.all("checkpoint_saved").at(-1)!;
  const bytes = await Deno.readFile(join(folder, file));
  const header = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const { __metadata__ } = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + header)));
  return { tensors: bytes.slice(8 + header), state: JSON.parse(__metadata__.state) };
}

/** Where the attempt after this one begins. */
function atNewest(worker: WorkerProcess, folder: string) {
  const { checkpoint, file, sha256 } = worker.all("checkpoint_saved").at(-1)!;
  const path = join(folder, file);
  return {
    run_gen: 2,
    next_checkpoint: checkpoint + 1,
    start: { from: "checkpoint", checkpoint: { job: "job-test", checkpoint, path, sha256 } },
  } as const;
}

async function moduleFolder(optimizer: string, schedule: string) {
  const folder = await Deno.makeTempDir();
  const module = join(folder, "module.ts");
  await Deno.writeTextFile(module, everythingModule({ optimizer, schedule }));
  return { folder, module };
}

for (
  const [optimizer, schedule] of [
    ["adam(0.01)", "cosine({ period: 40, warmup: 7, restarts: true })"],
    ["rmsprop(0.005, 0.9, 0.5, 1e-3, true)", "reduceOnPlateau({ factor: 0.5, patience: 0 })"],
  ] as const
) {
  Deno.test(`every health check in the middle leaves a run as it was to the bit: ${optimizer}`, async () => {
    const { folder, module } = await moduleFolder(optimizer, schedule);
    const config = { max_steps: STEPS, on_non_finite: "skip", val_every_n_steps: 7 };
    const calmly = join(folder, "calm");
    await Deno.mkdir(calmly);
    const calm = new WorkerProcess(launchContext(module, calmly, { config }));
    const half = { config: { ...config, max_steps: 30 } };
    const begun = new WorkerProcess(launchContext(module, folder, half));
    assertEquals((await begun.ended()).code, 0);
    const asked = new WorkerProcess({
      ...launchContext(module, folder, { config, goal: "paused" }),
      ...atNewest(begun, folder),
    });

    for (const check of HEALTH_CHECKS) {
      const { ok, data, detail } = await asked.send(HEALTH_COMMANDS[check], {});
      assert(ok, detail);
      const { applied_at_step, epoch: _, ...report } = data!;
      assertEquals(applied_at_step, 30);
      assertEquals(HealthReport.parse(report).check, check);
    }
    await asked.send("resume", {});
    // While it trains, for as long as it does.
    const over = asked.event("trainingFinished");
    for (const check of HEALTH_CHECKS) {
      await Promise.race([over, asked.send(HEALTH_COMMANDS[check], {})]);
    }

    assertEquals([(await calm.ended()).code, (await asked.ended()).code], [0, 0]);
    assert(asked.all("health").length >= HEALTH_CHECKS.length);
    const determinism = asked.all("health").filter(({ check }) => check === "determinism");
    assertEquals(determinism[0]!.status, "ok");
    assertEquals(calm.losses().size, STEPS);
    assertEquals(new Map([...begun.losses(), ...asked.losses()]), calm.losses());
    assertEquals(await saved(asked, folder), await saved(calm, calmly));
    await Deno.remove(folder, { recursive: true });
  });
}

Deno.test("a worker at a checkpoint trains for a check and takes it back before it saves", async () => {
  const { folder, module } = await moduleFolder("momentum(0.02, 0.9)", "constant()");
  const first = new WorkerProcess(
    launchContext(module, folder, { config: { max_steps: 12 } }),
  );
  assertEquals((await first.ended()).code, 0);
  const serving = new WorkerProcess({
    ...launchContext(module, folder, { config: { max_steps: 12 }, goal: "serve" }),
    ...atNewest(first, folder),
  });
  const { data } = await serving.send("throughput_health", { steps: 15 });
  assertEquals((data!["figures"] as Record<string, number>)["steps"], 15);
  const grown = await serving.send("memory_health", {});
  assertEquals(grown.data!["status"], "ok");
  assert((await serving.send("determinism_health", { steps: 3 })).ok);
  assert((await serving.send("save_ckpt", { reason: "explicit" })).ok);
  await serving.release();
  assertEquals(await saved(serving, folder), await saved(first, folder));
  await Deno.remove(folder, { recursive: true });
});
