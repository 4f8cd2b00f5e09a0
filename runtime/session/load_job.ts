import { toFileUrl } from "@std/path";
import { setPrecision } from "../backends/precision.ts";
import { CheckedDataset } from "../data/checked_dataset.ts";
import type { Dataset } from "../data/dataset.ts";
import { datasetHash } from "../data/fingerprint.ts";
import { asDataset } from "../data/sample_dataset.ts";
import { keyedStream } from "../determinism/rng.ts";
import type { SeededRandom } from "../determinism/seeded_math_random.ts";
import { jobFiles, wholeFiles } from "../data/job_files.ts";
import type { LoaderPool } from "../data/loader_pool.ts";
import type { SampleSource } from "../data/sample.ts";
import type { JobContext, JobData, JobDefinition, Model } from "../job_definition.ts";
import type { LaunchContext } from "../protocol/commands.ts";
import { checkUserHparams, HparamError } from "../protocol/hparams.ts";
import {
  completeConfig,
  type JobConfig,
  JobConfigError,
  parseModuleConfig,
  parseWireConfig,
  UserHparams,
} from "../protocol/job_config.ts";
import type { CustomSteps } from "../training/custom_step.ts";
import { resolveLoss } from "../training/losses.ts";
import { checkTrainable } from "../training/check_trainable.ts";
import { type ModelHandle, modelHandle } from "../training/model_handle.ts";
import { buildModel, isModelSource, modelArgs } from "../training/model_source.ts";
import { loadersOf, type OpenLoaders } from "./loaders.ts";
import type { Schedule } from "../training/schedules.ts";
import { type Splits, TrainingRun } from "../training/training_run.ts";
import { buildOptimizer, checkMomentum } from "./build_optimizer.ts";
import { PhaseError } from "./phase_error.ts";

/** A job's module, loaded: its run at step 0 and the fingerprint of its data. */
export interface LoadedJob {
  definition: JobDefinition;
  run: TrainingRun;
  datasetHash: string;
  /** The threads that make its training batches; null where it makes them itself. */
  loaders: LoaderPool | null;
}

/**
 * Imports the module and builds its data, model and optimizer, each with its own random stream.
 *
 * @throws {PhaseError} that names the phase which failed and keeps the module's own error.
 */
export async function loadJob(
  context: LaunchContext,
  random: SeededRandom,
  log: (message: string) => void,
): Promise<LoadedJob> {
  const definition = await PhaseError.in("import", () => importDefinition(context.module.path));
  await PhaseError.in("config", () => checkBackend(definition, context));
  const surroundings = { context, random, log, ...jobFiles(context) };
  return await buildJob(definition, { ...surroundings, loaders: loadersOf(context, log) });
}

/** A backend that the module computes comes too late: this process has one by then. */
function checkBackend({ config }: Partial<JobDefinition> = {}, context: LaunchContext): void {
  const { backend = "auto" } = config ?? {};
  if (backend === "auto" || context.config["backend"] !== undefined) return;
  throw new JobConfigError(
    "backend",
    "config.backend: write it as a string literal in the module's config, which is read before " +
      "the module runs, or set it in the request",
  );
}

/** What a definition is built with. */
export interface JobSurroundings {
  context: Pick<LaunchContext, "config" | "membership_seed"> & Partial<LaunchContext>;
  random: SeededRandom;
  /** Takes the lines of `ctx.log`. */
  log: (message: string) => void;
  /** Reads the files of `ctx.file`. */
  file: JobContext["file"];
  /** Those of `ctx.open`; through `file` when absent. */
  open?: JobContext["open"];
  /** Datasets of a server; absent where there is none. */
  dataset?: JobContext["dataset"];
  /** Reads the training split through threads; absent where they cannot load it again. */
  loaders?: OpenLoaders;
}

/**
 * Builds a definition's data, model and optimizer, each with its own random stream.
 *
 * @throws {PhaseError} that names the phase which failed and keeps the definition's own error.
 */
export async function buildJob(
  given: Partial<JobDefinition>,
  { context, random, log, loaders, ...files }: JobSurroundings,
): Promise<LoadedJob> {
  const definition = await PhaseError.in("import", () => checkedDefinition(given));
  const config = await PhaseError.in("config", () => effectiveConfig(definition, context.config));
  await PhaseError.in("config", () => setPrecision(config.precision));
  const built: { run: TrainingRun | null } = { run: null };
  const ctx: JobContext = {
    seed: context.membership_seed ?? config.seed,
    get config() {
      return built.run?.config ?? config;
    },
    get hparams() {
      return ctx.config.hparams;
    },
    log: (...parts) => log(parts.map(String).join(" ")),
    ...wholeFiles(files.file),
    ...files,
  };
  const phase = (name: "setup" | "init", key: number) =>
    random.rekey(keyedStream(name === "setup" ? ctx.seed : config.seed, name, key));

  // Data that is drawn is as much the session root's as data that is split.
  phase("setup", 0);
  let pool: LoaderPool | null = null;
  const through = (train: Dataset) => pool = loaders?.(train, () => ctx.config) ?? null;
  const data = await PhaseError.in(
    "data",
    async () => checkedSplits(await definition.data(ctx), ctx.seed, through),
  );
  await PhaseError.in("config", () => checkBatchSize(definition, context, data.train.length));
  phase("init", 0);
  const handle = await PhaseError.in(
    "model",
    async () => trainableModel(await buildModel(definition.model, ctx)),
  );
  phase("init", 1);
  const optimizer = await PhaseError.in("optimizer", () => buildOptimizer(definition));
  await PhaseError.in("config", () => checkMomentum(optimizer, config, context.start));
  const loss = await PhaseError.in("loss", () => resolveLoss(definition.loss, ctx));
  const schedule = scheduleOf(definition);
  const { metrics = {} } = definition;
  const run = new TrainingRun({
    handle,
    optimizer,
    loss,
    data,
    config,
    random,
    schedule,
    metrics,
    steps: customSteps(definition, config),
    callbacks: definition.callbacks ?? [],
    embedding: definition.embedding,
    ctx,
  });
  built.run = run;
  phase("setup", 1);
  const hash = await PhaseError.in(
    "data",
    () => datasetHash(data.train, data.val, data.test, data.gate),
  );
  phase("setup", 2);
  await PhaseError.in("model", () => checkTrainable(run));
  return { definition, run, datasetHash: hash, loaders: pool };
}

/**
 * A batch size that somebody wrote must fit the data. A default may be larger, and a child's
 * selection smaller: a step then takes what there is.
 */
function checkBatchSize(
  { config }: JobDefinition,
  context: JobSurroundings["context"],
  samples: number,
): void {
  const begins = (context.start?.from ?? "scratch") === "scratch" && (context.run_gen ?? 1) === 1;
  const asked = context.config["batch_size"] ?? config?.batchSize;
  if (!begins || typeof asked !== "number" || asked <= samples) return;
  throw new JobConfigError(
    "batch_size",
    `config.batch_size: ${asked} is larger than the ${samples} training samples`,
  );
}

function trainableModel(model: Model): ModelHandle {
  const handle = modelHandle(model);
  if (handle.trainable.length > 0) return handle;
  throw new TypeError("model() has no trainable weight; leave at least one layer unfrozen");
}

function customSteps(definition: JobDefinition, config: JobConfig): CustomSteps {
  const { trainStep, valStep, testStep } = definition;
  if (trainStep !== undefined && config.accumulateSteps > 1) {
    throw new JobConfigError(
      "accumulate_steps",
      "config.accumulate_steps does not go with a trainStep of the module's own",
    );
  }
  return { trainStep, valStep, testStep };
}

function scheduleOf({ schedule }: JobDefinition): Schedule | null {
  if (schedule === undefined) return null;
  return typeof schedule === "function" ? { lrAt: schedule } : schedule;
}

/** What a module exports by default, unchecked. @throws {Error} what it throws when it is imported. */
export async function importDefinition(path: string): Promise<Partial<JobDefinition>> {
  const url: string = toFileUrl(path).href;
  const { default: definition } = await import(url) as { default?: Partial<JobDefinition> };
  return definition!;
}

/** A definition that has its parts. @throws {TypeError} that names the part which is missing. */
export function checkedDefinition(
  definition: Partial<JobDefinition> | null | undefined,
): JobDefinition {
  if (definition === null || typeof definition !== "object") {
    throw new TypeError("the module's default export must be what defineJob({ ... }) returns");
  }
  if (!isModelSource(definition.model)) {
    throw new TypeError(
      "defineJob: model must be a function, { factory, args }, or a tf.LayersModel",
    );
  }
  for (const name of ["optimizer", "data"] as const) {
    if (typeof definition[name] !== "function") {
      throw new TypeError(`defineJob: ${name} must be a function`);
    }
  }
  if (definition.loss === undefined) throw new TypeError("defineJob: loss is missing");
  return definition as JobDefinition;
}

/** Config of the module under that of the submission. @throws {JobConfigError} */
export function effectiveConfig(
  definition: JobDefinition,
  overrides: Record<string, unknown>,
): JobConfig {
  const own = parseModuleConfig({ ...definition.config });
  const asked = parseWireConfig(overrides);
  const config = completeConfig(own, asked);
  return {
    ...config,
    modelArgs: modelArgs(definition.model, { ...own.modelArgs, ...asked.modelArgs }),
    hparams: userHparams(definition, { ...own.hparams, ...asked.hparams }),
  };
}

/** What the module declares, with the values that config gives. */
function userHparams({ hparams = {} }: JobDefinition, given: UserHparams): UserHparams {
  const declared = UserHparams.safeParse(hparams);
  if (!declared.success) {
    throw new TypeError(`defineJob: hparams: ${declared.error.issues[0]!.message}`);
  }
  try {
    checkUserHparams(declared.data, given);
  } catch (error) {
    if (!(error instanceof HparamError)) throw error;
    throw new JobConfigError(error.field, `config.${error.message}`);
  }
  return { ...declared.data, ...given };
}

function checkedSplits(
  data: Partial<JobData> | null,
  seed: number,
  through: (train: Dataset) => Dataset | null,
): Splits {
  const split = (name: keyof Splits): Dataset | null => {
    const dataset = data?.[name];
    if (dataset === undefined || dataset === null) return null;
    const { length, batch, sample }: Partial<Dataset & SampleSource> = dataset;
    const answers = typeof batch === "function" || typeof sample === "function";
    if (!Number.isInteger(length) || length! < 0 || !answers) {
      throw new TypeError(
        `data().${name} must be a dataset: { length, batch(indices) } or ` +
          `{ length, sample(index, rng) }, such as tensorDataset(xs, ys)`,
      );
    }
    if (length === 0) return null;
    const own = asDataset(dataset);
    const base = (name === "train" ? through(own) : null) ?? own;
    return new CheckedDataset(`data().${name}`, base, seed);
  };
  const train = split("train");
  if (train === null) {
    throw new TypeError(
      "data() must return { train, val?, test? } with at least one training sample",
    );
  }
  return { train, val: split("val"), test: split("test"), gate: split("gate") };
}
