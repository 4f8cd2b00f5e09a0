/**
 * One property: whatever people and crashes do to a run, its losses and its final weights are those
 * of the run that nobody disturbed, to the bit. Plans are random and seeded; `REPEAT_PLANS` sets how
 * many are tried, `REPEAT_SEED` which. Here workers are spoken to directly; `tests/e2e/repeats_test.ts`
 * has the server between, and kills it too.
 */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import {
  COMMAND_PAYLOADS,
  type LaunchContext,
  type ReplayCommand,
} from "../../runtime/protocol/commands.ts";
import type { TrainerEvent } from "../../runtime/protocol/events.ts";
import { everythingModule } from "../fixtures/everything_module.ts";
import { type PlannedAction, plansToTry, randomPlan, told } from "../fixtures/random_plan.ts";
import { tensorFlowForTests } from "../fixtures/tensorflow_library.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";

const PLANS = plansToTry(7);
const STEPS = 90;
/** Steps that a fork of the run trains. */
const FORK_STEPS = 12;

const ACTIONS = ["fork", "kill", "pause", "park", "save", "test", "rewind", "report"] as const;
type Action = (typeof ACTIONS)[number];

const tensorflow = await tensorFlowForTests();
const BACKENDS = tensorflow === null
  ? ["wasm", "cpu"] as const
  : ["wasm", "cpu", "tensorflow"] as const;

type Saved = Extract<TrainerEvent, { type: "checkpoint_saved" }>;

/** A job over as many workers as it takes, recovered as the server recovers it. */
class ShakenRun {
  readonly losses = new Map<number, number | null>();
  /** What forks of it trained, by axis step. */
  readonly forked: [number, number | null][] = [];
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

  async carryOut({ at, action }: PlannedAction<Action>): Promise<void> {
    const reached = await Promise.race([
      this.#worker.event("trainStep", ({ step }) => step >= at),
      this.#worker.event("trainingFinished"),
    ]);
    if (reached.type === "trainingFinished") return;
    if (action === "kill") return await this.#kill();
    const { ok } = await this.#send(action);
    if (!ok) return;
    if (action === "park") await this.#park();
    if (action === "fork") await this.#fork();
    if (action === "pause" || action === "rewind") await this.#worker.send("resume", {});
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
    const asked = (reply: Promise<{ ok: boolean }>) => Promise.race([ended, reply]);
    if (action === "save") {
      return await asked(this.#worker.send("save_ckpt", { reason: "explicit" }));
    }
    if (action === "fork") return await asked(this.#worker.send("save_ckpt", { reason: "fork" }));
    if (action === "test") return await asked(this.#worker.send("test", { split: "test" }));
    if (action === "report") {
      const folder = await Deno.makeTempDir({ dir: this.#folder });
      const request = COMMAND_PAYLOADS.scan.parse({ split: "train", folder });
      return await asked(this.#worker.send("scan", request));
    }
    const paused = await asked(this.#worker.send("pause", {}));
    if (action !== "rewind" || !paused.ok) return paused;
    const { checkpoint, file, sha256 } = this.#worker.all("checkpoint_saved")[0]!;
    const path = join(this.#folder, file);
    return await this.#worker.send("load_ckpt", { checkpoint, path, sha256 });
  }

  /** A child on all samples trains some steps beside its parent, which goes on. */
  async #fork(): Promise<void> {
    const { run_id: job, checkpoint, file, sha256, step } = this.#worker.all("checkpoint_saved")
      .at(-1)!;
    const folder = await Deno.makeTempDir({ dir: this.#folder });
    const child = new WorkerProcess(launchContext(this.#module, folder, {
      ...this.#context,
      config: { ...this.#context.config, max_steps: FORK_STEPS },
      run_id: "job-fork",
      start: {
        from: "fork",
        checkpoint: { job, checkpoint, path: join(this.#folder, file), sha256 },
        origin_step: step,
        selection: { kind: "all" },
        optimizer: "keep",
        lr_mul: 1,
      },
    }));
    assertEquals((await child.ended()).code, 0);
    for (const { axis_step, loss } of child.all("trainStep")) this.forked.push([axis_step, loss]);
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

let tried = 0;

for (let number = 0; number < PLANS; number++) {
  const plan = randomPlan(number, { steps: STEPS, actions: ACTIONS, count: 4, backends: BACKENDS });
  const { name, optimizer, schedule, backend, config, actions } = plan;
  Deno.test(`plan ${name} repeats to the bit: ${optimizer} on ${backend}, ${told(actions)}`, async () => {
    const folder = await Deno.makeTempDir();
    const module = join(folder, "module.ts");
    await Deno.writeTextFile(module, everythingModule({ optimizer, schedule }));
    const library = tensorflow === null
      ? {}
      : { tensorflow: { library: tensorflow.path, reason: "for the test" } };
    const [calm, shaken] = await Promise.all(["calm", "shaken"].map(async (which) => {
      const own = join(folder, which);
      await Deno.mkdir(own);
      return new ShakenRun(own, module, { backend, config, ...library });
    }));
    for (const action of actions) await shaken!.carryOut(action);
    const [expected, weights] = await Promise.all([calm!.finish(), shaken!.finish()]);
    assertEquals(shaken!.losses, calm!.losses);
    assertEquals(shaken!.losses.size, STEPS);
    assertEquals(weights, expected);
    // A fork validates by its own steps, and this schedule goes by validation.
    const byValidation = schedule.startsWith("reduceOnPlateau");
    for (const [step, loss] of byValidation ? [] : shaken!.forked) {
      if (step <= STEPS) assertEquals(loss, calm!.losses.get(step), `step ${step} of a fork`);
    }
    await Deno.remove(folder, { recursive: true });
    tried++;
  });
}

Deno.test("how many plans were tried", () => {
  console.log(
    `${tried} of ${PLANS} plans repeated to the bit, on ${[...new Set(BACKENDS)].join(", ")}`,
  );
});
