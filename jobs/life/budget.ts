import { StateConflictError, UnprocessableError } from "../errors.ts";
import { ALLOWED, ENDED, type JobManifest } from "../job.ts";

/** A budget as a request gives it: any part of it. */
export interface Budget {
  max_epochs?: number | undefined;
  max_steps?: number | undefined;
}

/**
 * The config keys that a `resume` changes. A live or parked job's budget may only grow, and an ended
 * one goes on only if its own grows past what is done.
 *
 * @throws {UnprocessableError} when a budget of a job that goes on would shrink.
 * @throws {StateConflictError} when an ended job would have nothing left to train.
 */
export function raisedBudget(manifest: JobManifest, budget: Budget): Budget {
  const { id, state, step, config } = manifest;
  const given: Budget = {};
  if (budget.max_epochs !== undefined) given.max_epochs = budget.max_epochs;
  if (budget.max_steps !== undefined) given.max_steps = budget.max_steps;
  const before = totalSteps(manifest, config);
  const after = totalSteps(manifest, { ...config, ...given });
  if (ENDED.has(state)) {
    // Stopped before it began: nothing is done, so that any budget is more.
    if (manifest.steps_per_epoch === null && Object.keys(given).length > 0) return given;
    if (grows(config, given) && (after === null || (after > step && after > (before ?? 0)))) {
      return given;
    }
    const done = before === null ? "" : `: ${step} of ${before} steps are done`;
    throw new StateConflictError(
      id,
      state,
      ALLOWED[state],
      `the job is ${state}${done}; it resumes only with a larger max_epochs or max_steps`,
    );
  }
  const shrinks = before !== null && after !== null ? after < before : !grows(config, given, true);
  if (shrinks) {
    const field = given.max_steps === undefined ? "max_epochs" : "max_steps";
    throw new UnprocessableError(
      field,
      `${field} can only be raised; it is ${config[field]} now`,
    );
  }
  return given;
}

/** Whether a given key is larger than it was; with `orEqual`, whether none is smaller. */
function grows(config: Record<string, unknown>, given: Budget, orEqual = false): boolean {
  const pairs = (["max_epochs", "max_steps"] as const)
    .filter((key) => given[key] !== undefined)
    .map((key) => [given[key]!, Number(config[key] ?? (orEqual ? 0 : Infinity))] as const);
  return orEqual
    ? pairs.every(([value, now]) => value >= now)
    : pairs.some(([value, now]) => value > now);
}

/** Steps that a config lets the job train; null while the length of an epoch is not known. */
function totalSteps(
  { steps_per_epoch }: JobManifest,
  config: Record<string, unknown>,
): number | null {
  const { max_epochs, max_steps } = config;
  if (steps_per_epoch === null || typeof max_epochs !== "number") return null;
  const cap = typeof max_steps === "number" ? max_steps : Infinity;
  return Math.min(max_epochs * steps_per_epoch, cap);
}
