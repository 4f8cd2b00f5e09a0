/** Telemetry: what a `trainStep` may carry besides loss, accuracy, norms and samples a second. */
import { z } from "zod";

/** The figures of each kind of telemetry; null in a step that does not have them. */
export const TELEMETRY_FIGURES = {
  /** Share of zeros after the activations of all layers but the last. */
  activation_zero_frac: ["activation_zero_frac"],
  /** Norm of the update over the norm of the weights. */
  update_ratio: ["update_ratio"],
  /** Share of the step's time that it waited for its batch; of every step. */
  data_wait: ["data_wait"],
  /** Bytes of the worker's process, of its heap, of its tensors. */
  memory: ["mem_rss", "mem_heap", "mem_tensors"],
  /** Memory in use and share of the time busy, of the GPU. */
  gpu: ["mem_vram", "gpu_util"],
} as const satisfies Record<string, readonly string[]>;

/** A kind of telemetry: one of those above, or `top_5`: the true class among the five likeliest. */
export const Telemetry = z.union([
  z.enum(Object.keys(TELEMETRY_FIGURES) as [keyof typeof TELEMETRY_FIGURES]),
  z.templateLiteral(["top_", z.number().int()]).refine((name) => /^top_[1-9]\d{0,2}$/.test(name)),
], `expected some of ${Object.keys(TELEMETRY_FIGURES).join(", ")}, top_5`);
/** A kind of telemetry. */
export type Telemetry = z.infer<typeof Telemetry>;

/** The `k` of `top_k`, or null. */
export function topOf(telemetry: Telemetry): number | null {
  return telemetry.startsWith("top_") ? Number(telemetry.slice("top_".length)) : null;
}

/** Names of the figures that these bring. */
export function figuresOf(telemetry: readonly Telemetry[]): string[] {
  return telemetry.flatMap((kind) =>
    kind in TELEMETRY_FIGURES ? TELEMETRY_FIGURES[kind as keyof typeof TELEMETRY_FIGURES] : [kind]
  );
}
