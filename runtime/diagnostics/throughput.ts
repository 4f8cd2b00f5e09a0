import type { HealthFinding, HealthReport } from "../protocol/health.ts";
import type { StepTiming } from "../telemetry/recent_steps.ts";
import { healthReport, judged } from "./health_report.ts";

/** Thresholds, as shares of the steps' time, with their sources in docs/health.md. */
export const THROUGHPUT_LIMITS = {
  dataWait: { warn: 0.05, fail: 0.2 },
  gate: { warn: 0.05 },
  after: { warn: 0.25 },
  /** The slowest of twenty steps over the median. */
  jitter: { warn: 10 },
} as const;

/** Fewer steps than this say little. */
const FEW = 10;

/** Samples a second, and where the time of these steps went. */
export function throughput(steps: readonly StepTiming[]): HealthReport {
  const sum = (field: keyof StepTiming) => steps.reduce((total, step) => total + step[field], 0);
  const [data, compute, after, gate] = [sum("data"), sum("compute"), sum("after"), sum("gate")];
  const total = data + compute + after + gate;
  const times = steps.map((step) => step.data + step.compute + step.after + step.gate)
    .sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)] ?? 0;
  const slow = times[Math.floor(times.length * 0.95)] ?? 0;
  const share = (ms: number) => total === 0 ? 0 : ms / total;
  const figures = {
    steps: steps.length,
    samples_per_s: total === 0 ? null : sum("samples") * 1_000 / total,
    steps_per_s: total === 0 ? null : steps.length * 1_000 / total,
    step_ms: median,
    step_ms_p95: slow,
    data_wait: share(data),
    compute: share(compute),
    after: share(after),
    gate: share(gate),
  };
  return healthReport(
    "throughput",
    steps.length < FEW ? [] : judgedShares(figures, median === 0 ? 0 : slow / median),
    figures,
  );
}

function judgedShares(
  { data_wait, after, gate }: { data_wait: number; after: number; gate: number },
  jitter: number,
): HealthFinding[] {
  const { dataWait, gate: gateLimit, after: afterLimit, jitter: jitterLimit } = THROUGHPUT_LIMITS;
  return [
    ...judged({
      figure: "data_wait",
      value: data_wait,
      ...dataWait,
      advice: "training waits for data: raise config.prefetch or config.loaders, make batch() or " +
        "sample() cheaper, or read from a format with ranges",
    }),
    ...judged({
      figure: "after",
      value: after,
      ...afterLimit,
      advice:
        "callbacks, validation and checkpoints take much of the time: validate and save less " +
        "often, or take telemetry less often",
    }),
    ...judged({
      figure: "gate",
      value: gate,
      ...gateLimit,
      advice: "the pause gate waits: whoever reads the events is slow, or steps are very short; " +
        "a larger batch_size helps",
    }),
    ...judged({
      figure: "jitter",
      value: jitter,
      ...jitterLimit,
      advice: "one step in twenty is far slower than the others: look for other work on the " +
        "machine, or files that are slow to read",
    }),
  ];
}
