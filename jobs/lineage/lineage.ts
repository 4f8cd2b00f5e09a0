import { renameKeys, toSnakeCase } from "../../runtime/protocol/naming.ts";
import { MERGE_STRATEGIES, type MergeStrategy } from "../../runtime/protocol/merge_strategy.ts";
import type { PartialJobConfig } from "../../runtime/protocol/job_config.ts";
import { architectureDifference } from "./architecture.ts";
import { checkSelection } from "./check_selection.ts";
import type { Child, ChildMaker } from "./child_maker.ts";
import { assertAllowed } from "../life/assert_allowed.ts";
import type { ForkRequest, MergeRequest } from "../control_plane.ts";
import { UnprocessableError } from "../errors.ts";
import type { BoundKey } from "../life/idempotent_requests.ts";
import type { LiveJob } from "../life/live_job.ts";
import { holdOrigin, type Origin, releaseOrigins } from "./origin.ts";

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
  checkSelection(request.selection, selected ?? dataset?.train);
  const overrides = wireConfig(request.config);
  const origin = await holdOrigin(parent, request.at === "now" ? null : request.at, "fork");
  try {
    return await maker.make({
      kind: "fork",
      origins: [origin],
      runName: request.run_name,
      config: { ...parent.record.manifest.config, ...overrides },
      spawn: {
        kind: "fork",
        selection: request.selection,
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

/**
 * Makes a merge: a child that starts as a mean of several jobs of one session. Its own worker does
 * the arithmetic.
 *
 * @param parents The job in the path, then those it is merged with, in the request's order.
 * @throws {UnprocessableError} for a strategy, parameters or parents that cannot be merged.
 */
export async function merge(
  maker: ChildMaker,
  parents: LiveJob[],
  request: MergeRequest,
  actor: string,
  key: BoundKey | undefined,
): Promise<Child> {
  const params = checkStrategy(request, parents.length);
  checkParents(parents);
  for (const parent of parents) assertAllowed(parent, "merge");
  const path = parents[0]!;
  const numbers = [null, ...request.with.map(({ checkpoint }) => checkpoint ?? null)];
  const holds = await Promise.allSettled(
    parents.map((parent, index) => holdOrigin(parent, numbers[index]!, "merge")),
  );
  const origins = holds.flatMap((hold) => hold.status === "fulfilled" ? [hold.value] : []);
  try {
    const refused = holds.find((hold) => hold.status === "rejected");
    if (refused !== undefined) throw refused.reason;
    await checkArchitectures(origins);
    return await maker.make({
      kind: "merge",
      origins,
      runName: request.run_name,
      config: { ...path.record.manifest.config, ...wireConfig(request.config) },
      spawn: { kind: "merge", strategy: request.strategy, params },
      start: request.start,
      actor,
      key,
    });
  } finally {
    releaseOrigins(origins);
  }
}

function checkStrategy({ strategy, params }: MergeRequest, parents: number) {
  if (!Object.hasOwn(MERGE_STRATEGIES, strategy)) {
    const known = Object.keys(MERGE_STRATEGIES);
    throw new UnprocessableError(
      "strategy",
      `strategy: there is no ${strategy}; known: ${known.join(", ")}`,
      { known },
    );
  }
  const parsed = MERGE_STRATEGIES[strategy as MergeStrategy].safeParse(params);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const field = ["params", ...issue.path].join(".");
    throw new UnprocessableError(field, `${field}: ${issue.message}`);
  }
  if ("weights" in parsed.data) checkWeights(parsed.data.weights, parents);
  return parsed.data;
}

function checkWeights(weights: number[], parents: number): void {
  const field = "params.weights";
  if (weights.length !== parents) {
    const message = `${field}: ${weights.length} weights for ${parents} parents`;
    throw new UnprocessableError(field, `${message} (the job in the path, then each of with)`);
  }
  if (weights.every((weight) => weight === 0)) {
    throw new UnprocessableError(field, `${field}: they are all 0`);
  }
  if (!Number.isFinite(weights.reduce((sum, weight) => sum + weight))) {
    throw new UnprocessableError(field, `${field}: their sum is not finite`);
  }
}

function checkParents(parents: LiveJob[]): void {
  const { session } = parents[0]!.record.manifest;
  const seen = new Set<string>();
  for (const { id, record } of parents) {
    if (seen.has(id)) {
      throw new UnprocessableError("with", `with: job ${id} cannot be merged with itself`);
    }
    seen.add(id);
    if (record.manifest.session === session) continue;
    throw new UnprocessableError(
      "with",
      `with: job ${id} is of session ${record.manifest.session}, not ${session}; ` +
        "only jobs of one session share their data",
    );
  }
}

async function checkArchitectures(origins: Origin[]): Promise<void> {
  const [first, ...others] = origins;
  for (const other of others) {
    const difference = await architectureDifference(pathOf(first!), pathOf(other));
    if (difference === null) continue;
    throw new UnprocessableError(
      "with",
      `with: jobs ${first!.job.id} and ${other.job.id} have different architectures: ${difference}`,
    );
  }
}

function pathOf({ job, record }: Origin): string {
  return job.deps.artifacts.resolve(record.job, record.path);
}

function wireConfig(config: PartialJobConfig): Record<string, unknown> {
  const given = Object.entries(config).filter(([, value]) => value !== undefined);
  return renameKeys(Object.fromEntries(given), toSnakeCase);
}
