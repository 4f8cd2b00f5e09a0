import { renameKeys, toSnakeCase } from "../../runtime/protocol/naming.ts";
import type { PartialJobConfig } from "../../runtime/protocol/job_config.ts";
import { checkSelection } from "./check_selection.ts";
import { childConfig } from "./child_config.ts";
import type { Child, ChildMaker } from "./child_maker.ts";
import { assertAllowed } from "../life/assert_allowed.ts";
import type { ForkRequest } from "../control_plane.ts";
import type { BoundKey } from "../life/idempotent_requests.ts";
import type { LiveJob } from "../life/live_job.ts";
import { ruleOf } from "../inspection/stored_selection.ts";
import { holdOrigin, releaseOrigins } from "./origin.ts";

/**
 * Makes a fork of a job: a child that goes on from one of its checkpoints, on a selection of its
 * samples. The child's own worker finds the samples.
 *
 * @throws {StateConflictError | ConflictError} when there is nothing to start from yet.
 * @throws {UnprocessableError} for a selection of samples that are known not to be there.
 */
export async function fork(
  maker: ChildMaker,
  parent: LiveJob,
  request: ForkRequest,
  actor: string,
  key: BoundKey | undefined,
): Promise<Child> {
  assertAllowed(parent, "fork");
  const { selected, dataset } = parent.record.manifest;
  const selection = await ruleOf(parent, request.selection, "train");
  checkSelection(selection, (selection.of === "all" ? null : selected) ?? dataset?.train);
  const overrides = wireConfig(request.config);
  const origin = await holdOrigin(parent, request.at === "now" ? null : request.at, "fork");
  try {
    return await maker.make({
      kind: "fork",
      origins: [origin],
      runName: request.run_name,
      config: childConfig(parent.record.manifest.config, overrides),
      spawn: {
        kind: "fork",
        selection,
        optimizer: request.optimizer,
        lr_mul: request.lr_mul,
        overrides: Object.keys(overrides),
      },
      start: request.start,
      actor,
      key,
    });
  } finally {
    releaseOrigins([origin]);
  }
}

/** Config that a request set, as the wire has it. */
export function wireConfig(config: PartialJobConfig): Record<string, unknown> {
  const given = Object.entries(config).filter(([, value]) => value !== undefined);
  return renameKeys(Object.fromEntries(given), toSnakeCase);
}
