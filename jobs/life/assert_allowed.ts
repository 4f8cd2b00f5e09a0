import { NotFoundError, StateConflictError } from "../errors.ts";
import { actionsOf, ALLOWED, type JobAction } from "../job.ts";
import type { LiveJob } from "./live_job.ts";

/**
 * @throws {NotFoundError} when the job was deleted meanwhile.
 * @throws {StateConflictError} when its state does not take the action; it says what the job takes.
 * @throws {JobError} when something else about the job stands against it.
 */
export function assertAllowed(job: LiveJob, action: JobAction): void {
  const { id, state, record } = job;
  if (record.removed) throw new NotFoundError("job", id);
  const actions = actionsOf(state, record.checkpoints.size > 0);
  if (actions.includes(action)) return job.assertTakes(action);
  const lacks = ALLOWED[state].includes(action) ? " without a checkpoint" : "";
  const message = `a ${state} job${lacks} does not take ${action}; it takes ${actions.join(", ")}`;
  throw new StateConflictError(id, state, actions, message);
}
