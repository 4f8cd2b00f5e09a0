/**
 * Trains the bench's job twice in one process, with all telemetry and with none, turn by turn a
 * block of steps each, through the worker's own loop and events. Prints CPU milliseconds of each
 * block, first without, then with.
 *
 *   deno run -A bench/telemetry_loop.ts BLOCK_STEPS PAIRS
 */
import { chooseBackend } from "../runtime/backends/choose.ts";
import { keyedStream } from "../runtime/determinism/rng.ts";
import { installSeededRandom } from "../runtime/determinism/seeded_math_random.ts";
import { buildJob } from "../runtime/session/load_job.ts";
import { stepFields } from "../runtime/session/step_fields.ts";
import { trainLoop } from "../runtime/training/train_loop.ts";
import process from "node:process";
import mlp from "./jobs/mlp.ts";

const [blockSteps, pairs] = Deno.args.map(Number) as [number, number];
const ALL = ["activation_zero_frac", "update_ratio", "data_wait", "memory", "gpu", "top_1"];

/** Blocks that do not count: code gets compiled in them. */
const WARM_UP = 50;

await chooseBackend("auto", 1);
const random = installSeededRandom(keyedStream(0, "setup"));

/** Of this process, where the clock would measure its neighbours as well. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** One of the two: waits for its turn before each block. */
class Contestant {
  readonly times: number[] = [];
  #go = Promise.withResolvers<void>();
  #done = Promise.withResolvers<void>();

  constructor(readonly telemetry: string[]) {}

  async train(): Promise<void> {
    const { run } = await buildJob(mlp, {
      context: { config: { telemetry: this.telemetry }, membership_seed: null },
      random,
      log: () => {},
      file: (name) => Promise.reject(new Error(`there is no file ${name}`)),
    });
    let bytes = 0;
    let began = 0;
    await trainLoop(run, {
      gate: async () => {
        if (run.step % blockSteps !== 0) return "go on";
        if (run.step > 0) this.times.push(cpuMs() - began);
        this.#done.resolve();
        if (run.step === (WARM_UP + pairs) * blockSteps) return "leave";
        await this.#go.promise;
        this.#go = Promise.withResolvers();
        began = cpuMs();
        return "go on";
      },
      onStep: (report) =>
        void (bytes += JSON.stringify({ type: "trainStep", ...stepFields(run, report) }).length),
      onEpochEnd: () => Promise.resolve(),
      checkpoint: () => {},
    });
  }

  /** Trains the next block. */
  async block(): Promise<void> {
    this.#done = Promise.withResolvers();
    this.#go.resolve();
    await this.#done.promise;
  }
}

const off = new Contestant([]);
const on = new Contestant(ALL);
const trained = [off.train(), on.train()];
for (let pair = 0; pair < WARM_UP + pairs; pair++) {
  // Whoever goes first in one pair goes second in the next.
  for (const one of pair % 2 === 0 ? [off, on] : [on, off]) await one.block();
}
await Promise.all(trained);
for (const { times } of [off, on]) console.log(times.slice(WARM_UP).join(" "));
