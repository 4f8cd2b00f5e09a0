import type { HealthReport } from "../protocol/health.ts";
import { healthReport, judged } from "./health_report.ts";

/** Thresholds, with their sources in docs/health.md. */
export const MEMORY_LIMITS = {
  /** Tensors that a step leaves behind, on average. */
  growth: { warn: 0.01, fail: 0.5 },
} as const;

/** The first steps of a worker make the optimizer's slots, which stay: they are left out. */
export const WARM_UP = 3;
/** Fewer steps than this say nothing about growth. */
const FEW = 8;

/** What a worker holds, besides its tensors. In bytes. */
export interface WorkerMemory {
  rss: number;
  heap: number;
  tensorBytes: number;
}

/**
 * Whether steps leave tensors behind.
 *
 * @param settled How many were alive after each step, {@linkcode WARM_UP} left out. Batches that
 * wait to be trained on come and go, so the fewest of each half are compared.
 */
export function memory(
  settled: readonly { tensors: number }[],
  held: WorkerMemory,
): HealthReport {
  const half = Math.floor(settled.length / 2);
  const fewest = (some: readonly { tensors: number }[]) =>
    some.reduce((least, { tensors }) => Math.min(least, tensors), Infinity);
  const grown = settled.length < FEW
    ? null
    : (fewest(settled.slice(-half)) - fewest(settled.slice(0, half))) / (settled.length - half);
  const advice =
    "steps leave tensors behind, which ends in a full memory: wrap what makes them in " +
    "tf.tidy(), dispose what batch(), callbacks and metrics make";
  return healthReport(
    "memory",
    grown === null
      ? []
      : judged({ figure: "tensors_per_step", value: grown, ...MEMORY_LIMITS.growth, advice }),
    {
      steps: settled.length,
      tensors: settled.at(-1)?.tensors ?? null,
      tensors_per_step: grown,
      tensor_bytes: held.tensorBytes,
      rss_bytes: held.rss,
      heap_bytes: held.heap,
    },
  );
}
