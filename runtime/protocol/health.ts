/** Health checks: what each is asked with, and what every one answers. */
import { z } from "zod";

const steps = z.number().int().min(1).max(1_000).optional();
const samples = z.number().int().min(1).max(100_000).optional();

/** What each check takes: how many steps or samples it looks at. */
export const HEALTH_PAYLOADS = {
  /** Weights of each layer: moments, histogram, dead and saturated ones. */
  distribution: z.strictObject({}),
  /** Outputs of each layer: zeros, dead units, saturation. */
  activations: z.strictObject({ samples }),
  /** NaN and infinity: the first place that has one; the scale of the gradients. */
  numerics: z.strictObject({}),
  /** The same steps twice: the first difference. */
  determinism: z.strictObject({ steps }),
  /** Samples a second, and where a step's time goes. */
  throughput: z.strictObject({ steps }),
  /** Gradient of each layer, and what the next update does to it. */
  gradients: z.strictObject({}),
  /** Tensors that steps leave behind. */
  memory: z.strictObject({ steps }),
} as const;

/** Name of a health check. */
export type HealthCheck = keyof typeof HEALTH_PAYLOADS;

/** What the check `C` takes. */
export type HealthPayload<C extends HealthCheck> = z.infer<(typeof HEALTH_PAYLOADS)[C]>;

/** The command that asks a trainer for each check, as the original calls them. */
export const HEALTH_COMMANDS = {
  distribution: "dist_health",
  activations: "activations_health",
  numerics: "numerics_health",
  determinism: "determinism_health",
  throughput: "throughput_health",
  gradients: "gradients_health",
  memory: "memory_health",
} as const satisfies Record<HealthCheck, string>;

/** Every health check, in the order in which pages show them. */
export const HEALTH_CHECKS = Object.keys(HEALTH_PAYLOADS) as readonly HealthCheck[];

/** Something that is not as it should be. */
export const HealthFinding = z.strictObject({
  status: z.enum(["warn", "fail"]),
  /** The figure that is beyond its threshold. */
  figure: z.string(),
  /** Where; absent when it is the run as a whole. */
  layer: z.string().optional(),
  /** Null where it is no finite number. */
  value: z.number().nullable(),
  threshold: z.number(),
  advice: z.string(),
});
/** Something that is not as it should be. */
export type HealthFinding = z.infer<typeof HealthFinding>;

/** The answer of a check. `status` is the worst of its findings, `ok` without any. */
export const HealthReport = z.strictObject({
  check: z.enum(HEALTH_CHECKS),
  status: z.enum(["ok", "warn", "fail"]),
  findings: z.array(HealthFinding),
  /** What was measured of the run as a whole. */
  figures: z.record(z.string(), z.number().nullable()),
  /** What was measured of each layer or weight; the worst 64 where there are more. */
  layers: z.array(z.looseObject({ layer: z.string() })),
});
/** The answer of a check. */
export type HealthReport = z.infer<typeof HealthReport>;
