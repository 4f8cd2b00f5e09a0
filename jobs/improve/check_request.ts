import { UnprocessableError } from "../errors.ts";
import { assertAllowed } from "../life/assert_allowed.ts";
import { checkpointOrThrow } from "../life/control_commands.ts";
import type { LiveJob } from "../life/live_job.ts";
import { checkSelection } from "../lineage/check_selection.ts";
import { checkStrategy } from "../lineage/merge.ts";
import type { ImproveRequest } from "./improve_request.ts";
import { plannedChildren } from "./planned_children.ts";

/**
 * Refuses a plan that is known to come to nothing, before anything is made.
 *
 * @param job Where the first round begins.
 * @throws {UnprocessableError} that names the field.
 * @throws {StateConflictError} when there is nothing to begin at yet.
 */
export function checkRequest(job: LiveJob, session: string, request: ImproveRequest): void {
  const { manifest } = job.record;
  if (manifest.session !== session) {
    const message = `job: ${job.id} is of session ${manifest.session}, not ${session}`;
    throw new UnprocessableError("job", message);
  }
  const children = plannedChildren(request);
  checkMerge(request, children.length);
  if (request.config["max_steps"] !== undefined) {
    const message = "config.max_steps: budget.steps says how many steps a child trains";
    throw new UnprocessableError("config.max_steps", message);
  }
  assertAllowed(job, "fork");
  if (request.at !== "now") checkpointOrThrow(job, request.at);
  const { dataset, selected } = manifest;
  for (const [index, { selection }] of children.entries()) {
    const size = (selection.of === "all" ? null : selected) ?? dataset?.train;
    const own = typeof request.children === "number" ? "" : `children.${index}.`;
    naming(own, () => checkSelection(selection, size));
  }
}

/** The children are the merge's parents. */
function checkMerge(request: ImproveRequest, children: number): void {
  try {
    checkStrategy(request, children);
  } catch (error) {
    if (!(error instanceof UnprocessableError) || error.field !== "with") throw error;
    throw new UnprocessableError("children", error.message.replace(/^with/, "children"));
  }
}

function naming(prefix: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof UnprocessableError)) throw error;
    throw new UnprocessableError(prefix + error.field, prefix + error.message, error.extra);
  }
}
