import { assignWeights, captureWeights } from "../checkpoints/weights.ts";
import type { FedBatch } from "../data/batch_feed.ts";
import type { HealthCheck, HealthPayload, HealthReport } from "../protocol/health.ts";
import type { TrainingRun } from "../training/training_run.ts";
import { activations } from "./activations.ts";
import { comingBatches } from "./coming_batches.ts";
import { determinism } from "./determinism.ts";
import { distribution } from "./distribution.ts";
import { gradients } from "./gradients.ts";
import { memory, WARM_UP, type WorkerMemory } from "./memory.ts";
import { numerics } from "./numerics.ts";
import { throughput } from "./throughput.ts";
import { traceSteps } from "./trace_steps.ts";
import { trialSteps } from "./trial_steps.ts";
import { undisturbed } from "./undisturbed.ts";

/** What a check may count on besides the run. */
export interface CheckSurroundings {
  /** What the process holds. */
  memory: () => WorkerMemory;
  /** Told, and awaited, while a check trains steps of its own. */
  onProgress?: (done: number, total: number) => void | Promise<void>;
}

/** Samples of the activations check, unless it is told. */
const SAMPLES = 512;
/** Steps that throughput and memory look back on, and those they train where there are none. */
const STEPS = { back: 200, trial: 20, replay: 5 };

type Check<C extends HealthCheck> = (
  run: TrainingRun,
  payload: HealthPayload<C>,
  surroundings: CheckSurroundings,
) => HealthReport | Promise<HealthReport>;

const CHECKS: { readonly [C in HealthCheck]: Check<C> } = {
  distribution: ({ handle }) => distribution(handle),

  activations: (run, { samples = SAMPLES }) => activations(run.handle, comingBatches(run, samples)),

  numerics: async (run) => {
    const weights = captureWeights(run.handle);
    try {
      return await onNextBatch(run, (fed) => numerics(run, fed));
    } finally {
      assignWeights(run.handle, weights);
    }
  },

  gradients: (run) => undisturbed(run, () => onNextBatch(run, (fed) => gradients(run, fed))),

  determinism: (run, { steps = STEPS.replay }, { onProgress }) =>
    undisturbed(run, async (back) => {
      const progress = (done: number) => onProgress?.(done, 2 * steps);
      const first = await traceSteps(run, steps, progress);
      back();
      const second = await traceSteps(run, steps, (done) => progress(steps + done));
      return determinism(first, second);
    }),

  throughput: async (run, { steps }, { onProgress }) =>
    throughput(await stepsOf(run, steps, onProgress)),

  memory: async (run, { steps }, { memory: held, onProgress }) =>
    memory(await stepsOf(run, steps, onProgress), held()),
};

/**
 * Runs a check on a run, which afterwards stands where it stood, to the bit. Throughput and memory
 * look back on the worker's newest steps; one that has made none trains some, and takes them back.
 */
export async function checkHealth<C extends HealthCheck>(
  run: TrainingRun,
  check: C,
  payload: HealthPayload<C>,
  surroundings: CheckSurroundings,
): Promise<HealthReport> {
  return await (CHECKS[check] as Check<C>)(run, payload, surroundings);
}

/** Whether a check trains steps of its own, rather than look at what is there. */
export function trainsSteps(run: TrainingRun, check: HealthCheck): boolean {
  if (check === "throughput" || check === "memory") return run.recent.length === 0;
  return check === "determinism";
}

async function stepsOf(
  run: TrainingRun,
  steps: number | undefined,
  onProgress: CheckSurroundings["onProgress"],
) {
  if (run.recent.length > 0) return run.recent.last(steps ?? STEPS.back, WARM_UP);
  const count = steps ?? STEPS.trial;
  let done = 0;
  const trial = await undisturbed(
    run,
    () => trialSteps(run, count + WARM_UP, () => onProgress?.(++done, count + WARM_UP)),
  );
  return trial.last(count, WARM_UP);
}

async function onNextBatch(
  run: TrainingRun,
  look: (fed: FedBatch) => HealthReport,
): Promise<HealthReport> {
  for await (const fed of comingBatches(run, 1)) return look(fed);
  throw new Error("there is no batch to look at");
}
