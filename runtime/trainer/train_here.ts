import { chooseBackend } from "../backends/choose.ts";
import { keyedStream } from "../determinism/rng.ts";
import { installSeededRandom, type SeededRandom } from "../determinism/seeded_math_random.ts";
import type { JobDefinition } from "../job_definition.ts";
import { type PartialJobConfig, toWireConfig } from "../protocol/job_config.ts";
import { buildJob } from "../session/load_job.ts";
import { PhaseError } from "../session/phase_error.ts";
import { Session } from "../session/session.ts";
import { startedFields } from "../session/started_fields.ts";
import type { ScriptRun } from "./script_run.ts";
import type { FitResult } from "./trainer.ts";
import { configOf, type TrainerOptions } from "./trainer_options.ts";

/** Trains a definition in this process, by the session that a worker has. */
export async function trainHere(
  definition: JobDefinition,
  run: ScriptRun,
  options: TrainerOptions,
): Promise<FitResult> {
  const random = installSeededRandom(keyedStream(0, "setup"));
  const training: { session: Session | null } = { session: null };
  try {
    return await train(definition, run, options, random, training);
  } catch (thrown) {
    const { phase, cause } = PhaseError.from("train", thrown);
    const { message, stack = null } = cause;
    const step = training.session?.run.step ?? 0;
    run.channel.emit("error", { message, stack, fatal: true, phase, step });
    await run.end();
    throw cause;
  } finally {
    random.uninstall();
  }
}

async function train(
  given: JobDefinition,
  run: ScriptRun,
  options: TrainerOptions,
  random: SeededRandom,
  training: { session: Session | null },
): Promise<FitResult> {
  const { backend = given.config?.backend ?? "auto", tensorflow } = options;
  const { context, channel } = run;
  const library = tensorflow === undefined ? undefined : { library: tensorflow, reason: "" };
  const chosen = await PhaseError.in(
    "backend",
    () => chooseBackend(backend, context.threads, library),
  );
  const job = await buildJob(given, {
    context: { config: toWireConfig(overrides(options, given)), membership_seed: null },
    random,
    log: (message) => void channel.emit("log", { level: "info", message, source: "module" }),
    file: (name) => run.files.read(name),
  });
  await run.begin(job.run.config.ckptKeep);
  const session = new Session({ context, channel, definition: job.definition, run: job.run });
  training.session = session;
  channel.emit("session_started", startedFields(job, chosen, context));
  await session.trySave("start");
  const end = await session.train();
  await run.end();
  const { step, epoch, valLoss, handle } = job.run;
  const { newest: checkpoint } = run.checkpoints;
  return { end, step, epoch, valLoss, model: handle.model, checkpoint, job: run.job };
}

/** What the trainer says itself. With nobody to resume it, a pause of its own would last for ever. */
function overrides(options: TrainerOptions, { config = {} }: JobDefinition): PartialJobConfig {
  const own = configOf(options);
  const policy = own.onNonFinite ?? config.onNonFinite ?? "pause";
  if (options.autoConnect !== false) return own;
  const alone = { ...own, pauseAfterTest: false };
  return policy === "pause" ? { ...alone, onNonFinite: "raise" } : alone;
}
