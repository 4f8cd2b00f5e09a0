/**
 * One property: whatever people and crashes do to a run, its losses and its final weights are those
 * of the run that nobody disturbed, to the bit. Plans are random and seeded; `REPEAT_PLANS` sets how
 * many are tried, `REPEAT_SEED` which.
 */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { keyedStream, type RandomStream } from "../../runtime/determinism/rng.ts";
import type { LaunchContext, ReplayCommand } from "../../runtime/protocol/commands.ts";
import type { TrainerEvent } from "../../runtime/protocol/events.ts";
import { everythingModule, OPTIMIZERS, SCHEDULES } from "../fixtures/everything_module.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";

const PLANS = Number(Deno.env.get("REPEAT_PLANS") ?? 7);
const SEED = Number(Deno.env.get("REPEAT_SEED") ?? 1);
const STEPS = 90;

const ACTIONS = ["pause", "park", "save", "test", "rewind", "kill"] as const;
type Action = (typeof ACTIONS)[number];

interface Plan {
  optimizer: string;
  schedule: string;
  backend: "wasm" | "cpu";
  config: Record<string, unknown>;
  /** What happens, each once the step is reached or passed. */
  actions: { at: number; action: Action }[];
}

function pick<T>(random: RandomStream, choices: readonly T[]): T {
  return choices[random.nextInt(choices.length)]!;
}

function randomPlan(number: number): Plan {
  const random = keyedStream(SEED, "command", number);
  const actions = Array.from({ length: 4 }, () => ({
    at: 1 + random.nextInt(STEPS - 10),
    action: pick(random, ACTIONS),
  })).sort((a, b) => a.at - b.at);
  return {
    optimizer: OPTIMIZERS[number % OPTIMIZERS.length]!,
    schedule: pick(random, SCHEDULES),
    backend: pick(random, ["wasm", "wasm", "cpu"] as const),
    config: {
      max_steps: STEPS,
      on_non_finite: "skip",
      data_order_policy: pick(random, ["epoch_reseed", "fixed_order", "user"]),
      accumulate_steps: pick(random, [1, 1, 3]),
      grad_clip_norm: pick(random, [null, 0.5]),
      val_every_n_steps: pick(random, [0, 7]),
    },
    actions,
  };
}

type Saved = Extract<TrainerEvent, { type: "checkpoint_saved" }>;

/** A job over as many workers as it takes, recovered as the server recovers it. */
class ShakenRun {
  readonly losses = new Map<number, number | null>();
  readonly #folder: string;
  readonly #context: Partial<LaunchContext>;
  readonly #module: string;
  #worker: WorkerProcess;
  #newest: Saved | null = null;
  #attempt = 1;

  constructor(folder: string, module: string, context: Partial<LaunchContext>) {
    this.#folder = folder;
    this.#module = module;
    this.#context = context;
    this.#worker = this.#start({});
  }

  async carryOut({ at, action }: Plan["actions"][number]): Promise<void> {
    const reached = await Promise.race([
      this.#worker.event("trainStep", ({ step }) => step >= at),
      this.#worker.event("trainingFinished"),
    ]);
    if (reached.type === "trainingFinished") return;
    if (action === "kill") return await this.#kill();
    const { ok } = await this.#send(action);
    if (ok && action === "park") await this.#park();
    if (ok && action !== "park" && action !== "save" && action !== "test") {
      await this.#worker.send("resume", {});
    }
  }

  async finish(): Promise<Uint8Array> {
    assertEquals((await this.#worker.ended()).code, 0);
    this.#collect();
    const bytes = await Deno.readFile(join(this.#folder, this.#newest!.file));
    return bytes.slice(8 + Number(new DataView(bytes.buffer).getBigUint64(0, true)));
  }

  /** A command that the run may have outrun: then there is nothing left to disturb. */
  async #send(action: Exclude<Action, "kill">): Promise<{ ok: boolean }> {
    const ended = this.#worker.event("trainingFinished").then(
      () => ({ ok: false }),
      () => ({ ok: false }),
    );
    if (action === "save") {
      return await Promise.race([ended, this.#worker.send("save_ckpt", { reason: "explicit" })]);
    }
    if (action === "test") {
      return await Promise.race([ended, this.#worker.send("test", { split: "test" })]);
    }
    const paused = await Promise.race([ended, this.#worker.send("pause", {})]);
    if (action !== "rewind" || !paused.ok) return paused;
    const { checkpoint, file, sha256 } = this.#worker.all("checkpoint_saved")[0]!;
    const path = join(this.#folder, file);
    return await this.#worker.send("load_ckpt", { checkpoint, path, sha256 });
  }

  async #park(): Promise<void> {
    await this.#worker.release();
    this.#collect();
    this.#worker = this.#start({ until_step: 0, commands: [] });
  }

  async #kill(): Promise<void> {
    await this.#worker.kill();
    const last = this.#worker.all("trainStep").at(-1)?.step ?? 0;
    this.#collect();
    // A rewind after the newest checkpoint cannot be: a rewind saves one.
    this.#worker = this.#start({ until_step: last, commands: [] as ReplayCommand[] });
  }

  /** Remembers what this worker said; a step that is there must not change. */
  #collect(): void {
    for (const { step, loss } of this.#worker.all("trainStep")) {
      if (this.losses.has(step)) assertEquals(loss, this.losses.get(step), `step ${step} repeated`);
      this.losses.set(step, loss);
    }
    this.#newest = this.#worker.all("checkpoint_saved").at(-1) ?? this.#newest;
  }

  #start(replay: Partial<LaunchContext["replay"]>): WorkerProcess {
    const newest = this.#newest;
    const run_gen = this.#attempt++;
    const context = launchContext(this.#module, this.#folder, { ...this.#context, run_gen });
    if (newest === null) return new WorkerProcess(context);
    const { run_id: job, checkpoint, file, sha256 } = newest;
    return new WorkerProcess({
      ...context,
      next_checkpoint: checkpoint + 1,
      start: {
        from: "checkpoint",
        checkpoint: { job, checkpoint, path: join(this.#folder, file), sha256 },
      },
      replay: { until_step: 0, commands: [], ...replay },
    });
  }
}

for (let number = 0; number < PLANS; number++) {
  const plan = randomPlan(number);
  const told = plan.actions.map(({ at, action }) => `${action} at ${at}`).join(", ");
  Deno.test(`plan ${SEED}/${number} repeats to the bit: ${plan.optimizer} on ${plan.backend}, ${told}`, async () => {
    const folder = await Deno.makeTempDir();
    const module = join(folder, "module.ts");
    await Deno.writeTextFile(module, everythingModule(plan));
    const { backend, config } = plan;
    const [calm, shaken] = await Promise.all(["calm", "shaken"].map(async (name) => {
      const own = join(folder, name);
      await Deno.mkdir(own);
      return new ShakenRun(own, module, { backend, config });
    }));
    for (const action of plan.actions) await shaken!.carryOut(action);
    const [expected, weights] = await Promise.all([calm!.finish(), shaken!.finish()]);
    assertEquals(shaken!.losses, calm!.losses);
    assertEquals(shaken!.losses.size, STEPS);
    assertEquals(weights, expected);
    await Deno.remove(folder, { recursive: true });
  });
}
