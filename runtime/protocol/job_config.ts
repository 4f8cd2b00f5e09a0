import { z } from "zod";
import { BACKENDS } from "./backend_names.ts";
import { Telemetry } from "./telemetry.ts";
import { renameKeys, toCamelCase, toSnakeCase } from "./naming.ts";
import { ScheduleChoice } from "./schedule_spec.ts";
import { schemaFault } from "./schema_fault.ts";

/** What a step whose loss or gradient is not finite does; its update is left out in any case. */
export const NonFinitePolicy = z.enum(["pause", "skip", "stop", "raise"]);

/** In which order training samples come: shuffled anew each epoch, once, or as the data has them. */
export const DataOrderPolicy = z.enum(["epoch_reseed", "fixed_order", "user"]);

/**
 * In what training computes. `mixed_float16`: products and convolutions in half the bits, weights
 * and the rest in float32; only where the backend really does.
 */
export const Precision = z.enum(["float32", "mixed_float16"]);
/** In what training computes. */
export type Precision = z.infer<typeof Precision>;

/** Hyperparameters that a module declares itself, by name. */
export const UserHparams = z.record(
  z.string(),
  z.union([z.number(), z.boolean(), z.string().max(200)], "expected a number, a flag or a text"),
).refine((hparams) => Object.keys(hparams).length <= 32, "expected at most 32 of them")
  .refine(
    (hparams) => Object.keys(hparams).every((name) => /^[A-Za-z_]\w{0,63}$/.test(name)),
    "expected names of letters, digits and _",
  );
/** Hyperparameters that a module declares itself, by name. */
export type UserHparams = z.infer<typeof UserHparams>;

/** Arguments of a model's factory, by name. */
export const ModelArgs = z.record(z.string(), z.json())
  .refine((args) => JSON.stringify(args).length <= 8192, "expected at most 8 KiB of JSON");
/** Arguments of a model's factory, by name. */
export type ModelArgs = z.infer<typeof ModelArgs>;

/** The shape behind {@linkcode JobConfig}: one entry a field, its range, and what it means. */
const fields = {
  maxEpochs: z.number().int().min(1).max(1_000_000).describe("own epochs to train"),
  maxSteps: z.number().int().min(1).max(1e12).nullable()
    .describe("own optimizer steps to train; whichever budget ends first"),
  batchSize: z.number().int().min(1).max(1_000_000).describe("samples a step"),
  seed: z.number().int().min(0).max(2 ** 32 - 1).describe("seed of all randomness"),
  lr: z.number().positive().max(1e6).nullable()
    .describe("learning rate; null keeps the optimizer's own"),
  momentum: z.number().min(0).lt(1).nullable()
    .describe("momentum; null keeps the optimizer's own"),
  schedule: ScheduleChoice
    .describe("learning rate schedule: the module's own, null for none, or one by name"),
  hparams: UserHparams.describe("values of what the module declares in `hparams`"),
  gradClipNorm: z.number().positive().max(1e12).nullable()
    .describe("largest global L2 norm of the gradient; null does not clip"),
  gradClipValue: z.number().positive().max(1e12).nullable()
    .describe("largest absolute value of a gradient's element; null does not clip"),
  accumulateSteps: z.number().int().min(1).max(1_000_000)
    .describe("batches whose gradients make one step"),
  backend: z.enum(BACKENDS)
    .describe("what it computes on; auto: as the server is set, the best of what is there"),
  modelArgs: ModelArgs.describe("arguments of the model's factory; the module's where absent"),
  precision: Precision.describe("numbers that training computes in, where the backend has them"),
  lossScale: z.number().min(1).max(2 ** 126).nullable()
    .describe("factor of the loss while gradients are computed; null scales nothing"),
  lossScaleGrowth: z.number().min(1).max(1e6)
    .describe("times the loss scale after enough good steps in a row"),
  lossScaleBackoff: z.number().gt(0).lt(1)
    .describe("times the loss scale when gradients overflow, their step left out"),
  lossScaleInterval: z.number().int().min(1).max(1e9)
    .describe("good steps in a row after which the loss scale grows"),
  ckptEverySteps: z.number().int().min(1).max(1e9).nullable()
    .describe("steps between ring checkpoints; null saves only when asked or stopping"),
  ckptKeep: z.number().int().min(1).max(1_000).describe("ring checkpoints kept"),
  valEveryNEpochs: z.number().int().min(0).max(1_000_000)
    .describe("epochs between validations; 0 never validates"),
  valEveryNSteps: z.number().int().min(0).max(1e9)
    .describe("steps between validations; 0 validates by epochs alone"),
  dataOrderPolicy: DataOrderPolicy
    .describe("order of training samples: shuffled each epoch, shuffled once, or as they are"),
  enforceSamplerState: z.boolean()
    .describe("take up the place in the data where a checkpoint was; false begins the epoch anew"),
  prefetch: z.number().int().min(0).max(64)
    .describe("training batches prepared ahead; never changes a result"),
  loaders: z.number().int().min(0).max(64)
    .describe("threads that make training batches; 0: the training thread, with the same result"),
  telemetry: z.array(Telemetry).max(20)
    .describe("figures that steps carry besides the usual ones; top_5 is one as well"),
  telemetryEverySteps: z.number().int().min(1).max(1_000_000)
    .describe("steps between those figures that cost something to take; null in between"),
  testAfter: z.boolean().describe("test on the test split when the budget is spent"),
  pauseAfterTest: z.boolean()
    .describe("pause after that test, until a resume completes the job or raises its budget"),
  onNonFinite: NonFinitePolicy.describe("what a NaN or infinite loss does, its update left out"),
} as const;

/** Config of a training run, complete. camelCase in modules, snake_case on the wire. */
export const JobConfig = z.strictObject(fields);
/** Config of a training run, complete. */
export type JobConfig = z.infer<typeof JobConfig>;

/** Config as a module or a request gives it: any part of it. */
export const PartialJobConfig = JobConfig.partial();
/** Config as a module or a request gives it: any part of it. */
export type PartialJobConfig = z.infer<typeof PartialJobConfig>;

/** What a field is when neither the module nor the request says. */
export const DEFAULT_JOB_CONFIG: JobConfig = {
  maxEpochs: 1,
  maxSteps: null,
  batchSize: 32,
  seed: 0,
  lr: null,
  momentum: null,
  schedule: "module",
  hparams: {},
  gradClipNorm: null,
  gradClipValue: null,
  accumulateSteps: 1,
  backend: "auto",
  modelArgs: {},
  precision: "float32",
  lossScale: null,
  lossScaleGrowth: 2,
  lossScaleBackoff: 0.5,
  lossScaleInterval: 2000,
  ckptEverySteps: 100,
  ckptKeep: 5,
  valEveryNEpochs: 1,
  valEveryNSteps: 0,
  dataOrderPolicy: "epoch_reseed",
  enforceSamplerState: true,
  prefetch: 2,
  loaders: 0,
  telemetry: ["activation_zero_frac", "update_ratio", "data_wait", "memory", "gpu"],
  telemetryEverySteps: 25,
  testAfter: false,
  pauseAfterTest: false,
  onNonFinite: "pause",
};

/** The defaults, overlaid with each part in turn; an undefined field leaves what was there. */
export function completeConfig(...parts: PartialJobConfig[]): JobConfig {
  const given = parts.flatMap((part) =>
    Object.entries(part).filter(([, value]) => value !== undefined)
  );
  return { ...DEFAULT_JOB_CONFIG, ...Object.fromEntries(given) };
}

/** A config key or value that cannot be used; `field` is named as the wire names it. */
export class JobConfigError extends Error {
  override name = "JobConfigError";
  /** @param field The offending key, snake_case. */
  constructor(readonly field: string, message: string) {
    super(message);
  }
}

/**
 * Parses config as the wire gives it (snake_case keys).
 *
 * @throws {JobConfigError} for an unknown key (with the nearest known one) or a bad value.
 */
export function parseWireConfig(wire: Record<string, unknown>): PartialJobConfig {
  for (const key of Object.keys(wire)) {
    if (toSnakeCase(key) !== key && toSnakeCase(key) in wireFields) {
      throw new JobConfigError(key, `config.${key}: did you mean ${toSnakeCase(key)}?`);
    }
    if (!(key in wireFields)) {
      throw new JobConfigError(
        key,
        `config.${key} is not a config key; known: ${Object.keys(wireFields).join(", ")}`,
      );
    }
  }
  return parseModuleConfig(renameKeys(wire, toCamelCase));
}

/**
 * Parses config as a module gives it (camelCase keys).
 *
 * @throws {JobConfigError} for an unknown key or a bad value.
 */
export function parseModuleConfig(config: Record<string, unknown>): PartialJobConfig {
  const parsed = PartialJobConfig.safeParse(config);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const [key = "", ...rest] = issue.code === "unrecognized_keys"
    ? [...issue.path, issue.keys[0]!].map(String)
    : issue.path.map(String);
  const field = [toSnakeCase(key), ...rest].join(".");
  throw new JobConfigError(field, `config.${field}: ${schemaFault(issue)}`);
}

/** Config as the wire shows it. */
export function toWireConfig(config: PartialJobConfig): Record<string, unknown> {
  return renameKeys(config, toSnakeCase);
}

const wireFields: Record<string, z.ZodType> = renameKeys(fields, toSnakeCase) as Record<
  string,
  z.ZodType
>;
