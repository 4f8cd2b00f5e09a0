import { StateConflictError } from "../errors.ts";
import { actionsOf, ALLOWED, type JobAction } from "../job.ts";
import type { LiveJob } from "./live_job.ts";

/** @throws {StateConflictError} when the job does not take the action; it says what the job takes. */
export function assertAllowed({ id, state, record }: LiveJob, action: JobAction): void {
  const actions = actionsOf(state, record.checkpoints.size > 0);
  if (actions.includes(action)) return;
  const lacks = ALLOWED[state].includes(action) ? " without a checkpoint" : "";
  const message = `a ${state} job${lacks} does not take ${action}; it takes ${actions.join(", ")}`;
  throw new StateConflictError(id, state, actions, message);
}
