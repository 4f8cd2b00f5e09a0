import { z } from "zod";

const count = z.number().int().min(0).max(1e12);
const steps = z.number().int().min(1).max(1e12);
/** At most 1, so that no power of it is ever infinite. */
const factor = z.number().positive().max(1);
const rate = z.number().min(0).max(1e6).default(0);
const per = z.enum(["step", "epoch"]);
/** Where on the job's axis it begins to count; absent: at its beginning. */
const from = z.strictObject({ step: count, epoch: count }).optional();

/** Shape of each schedule that goes by a name; its parameters are those of `onthefly`'s function. */
const SPECS = [
  z.strictObject({ name: z.literal("constant"), from }),
  z.strictObject({
    name: z.literal("step_decay"),
    every: steps,
    factor,
    per: per.default("epoch"),
    from,
  }),
  z.strictObject({
    name: z.literal("multi_step"),
    milestones: z.array(count).min(1).max(100),
    factor,
    per: per.default("epoch"),
    from,
  }),
  z.strictObject({
    name: z.literal("exponential"),
    decay: factor,
    per: per.default("epoch"),
    from,
  }),
  z.strictObject({
    name: z.literal("cosine"),
    period: steps,
    warmup: count.default(0),
    min_lr: rate,
    restarts: z.boolean().default(false),
    restart_factor: z.number().min(1).max(1e3).default(1),
    per: per.default("step"),
    from,
  }),
  z.strictObject({
    name: z.literal("one_cycle"),
    steps,
    rise: z.number().min(0).lt(1).default(0.3),
    divide: z.number().positive().max(1e9).default(25),
    final_divide: z.number().positive().max(1e9).default(1e4),
    from,
  }),
  z.strictObject({
    name: z.literal("reduce_on_plateau"),
    factor: factor.default(0.1),
    patience: count.default(10),
    min_delta: z.number().min(0).max(1e12).default(1e-4),
    min_lr: rate,
    from,
  }),
] as const;

/** Names of the schedules that a request can ask for. */
export const SCHEDULE_NAMES = SPECS.map(({ shape }) => shape.name.value);

const known = `expected "module", null, or a schedule {name, ...}; there are ${
  SCHEDULE_NAMES.join(", ")
}`;

/** A schedule as data: its name and its parameters, the same in a request and in a checkpoint. */
export const ScheduleSpec = z.discriminatedUnion("name", SPECS, { error: known });
/** A schedule as data. */
export type ScheduleSpec = z.infer<typeof ScheduleSpec>;

/** Which schedule a run has: the module's own, none, or one by its name. */
export type ScheduleChoice = "module" | ScheduleSpec | null;

const module = z.strictObject({ name: z.literal("module") });

/**
 * Reads a {@linkcode ScheduleChoice}. As a plain union it would name no field of a schedule that
 * lacks one.
 */
export const ScheduleChoice = z.preprocess(
  (given) => given === "module" ? { name: "module" } : given,
  z.discriminatedUnion("name", [module, ...SPECS], { error: known }).nullable(),
).transform((choice): ScheduleChoice => choice?.name === "module" ? "module" : choice);
