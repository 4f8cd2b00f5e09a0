import {
  MERGE_STRATEGIES,
  type MergeParams,
  type MergeStrategy,
  NEEDS_ANCESTOR,
  NEEDS_TASK_VECTORS,
} from "../../runtime/protocol/merge_strategy.ts";
import { architectureDifference } from "./architecture.ts";
import { childConfig, wireConfig } from "./child_config.ts";
import type { Child, ChildMaker } from "./child_maker.ts";
import { commonAncestors, type LoadJob, nameOf } from "./common_ancestor.ts";
import { assertAllowed } from "../life/assert_allowed.ts";
import type { MergeRequest } from "../control_plane.ts";
import { schemaFault } from "../../runtime/protocol/schema_fault.ts";
import { UnprocessableError } from "../errors.ts";
import type { BoundKey } from "../life/idempotent_requests.ts";
import type { LiveJob } from "../life/live_job.ts";
import { holdOrigin, type Origin, releaseOrigins } from "./origin.ts";

/**
 * Makes a merge: a child that starts as what several jobs of one session come to together. Its own
 * worker does the arithmetic.
 *
 * @param parents The job in the path, then those it is merged with, in the request's order.
 * @param load Finds the jobs that these came from.
 * @throws {UnprocessableError} for a strategy, parameters or parents that cannot be merged.
 */
export async function merge(
  maker: ChildMaker,
  parents: LiveJob[],
  load: LoadJob,
  request: MergeRequest,
  actor: string,
  key: BoundKey | undefined,
): Promise<Child> {
  const { strategy, params } = checkStrategy(request, parents.length);
  checkParents(parents, request);
  for (const parent of parents) assertAllowed(parent, "merge");
  const overrides = wireConfig(request.config);
  const path = parents[0]!;
  const numbers = [null, ...request.with.map(({ checkpoint }) => checkpoint ?? null)];
  const holds = await Promise.allSettled(
    parents.map((parent, index) => holdOrigin(parent, numbers[index]!, "merge")),
  );
  const origins = holds.flatMap((hold) => hold.status === "fulfilled" ? [hold.value] : []);
  const held = [...origins];
  try {
    const refused = holds.find((hold) => hold.status === "rejected");
    if (refused !== undefined) throw refused.reason;
    checkDistinct(origins);
    await checkArchitectures(origins);
    const ancestor = await holdAncestor(origins, load);
    if (ancestor !== null) held.push(ancestor);
    checkAncestor(strategy, ancestor, origins);
    checkControl(strategy, ancestor, request);
    return await maker.make({
      kind: "merge",
      origins,
      ancestor,
      runName: request.run_name,
      config: childConfig(path.record.manifest.config, overrides),
      spawn: {
        kind: "merge",
        strategy,
        params,
        checkpoints: origins.map(pointOf),
        ancestor: ancestor && pointOf(ancestor),
        optimizer: request.optimizer,
        batch_norm: request.batch_norm,
        gate: request.gate,
        control: request.control,
        overrides: Object.keys(overrides),
      },
      start: request.start,
      actor,
      key,
    });
  } finally {
    releaseOrigins(held);
  }
}

/** @throws {UnprocessableError} for a strategy that is not known, or not with these parameters. */
export function checkStrategy(
  { strategy, params }: Pick<MergeRequest, "strategy" | "params">,
  parents: number,
): { strategy: MergeStrategy; params: MergeParams<MergeStrategy> } {
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
    throw new UnprocessableError(field, `${field}: ${schemaFault(issue)}`);
  }
  if ("weights" in parsed.data && parsed.data.weights !== undefined) {
    checkWeights(parsed.data.weights, parents);
  }
  if (strategy === "slerp" && parents !== 2) {
    throw new UnprocessableError("with", `with: slerp takes 2 parents, not ${parents}`);
  }
  return { strategy: strategy as MergeStrategy, params: parsed.data };
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

function checkParents(parents: LiveJob[], request: MergeRequest): void {
  const { session, id: path } = parents[0]!.record.manifest;
  const asTheyAre = new Set([path]);
  parents.slice(1).forEach(({ id, record }, index) => {
    if (request.with[index]!.checkpoint === undefined) {
      if (asTheyAre.has(id)) {
        throw new UnprocessableError("with", `with: job ${id} cannot be merged with itself`);
      }
      asTheyAre.add(id);
    }
    if (record.manifest.session === session) return;
    throw new UnprocessableError(
      "with",
      `with: job ${id} is of session ${record.manifest.session}, not ${session}; ` +
        "only jobs of one session share their data",
    );
  });
}

function checkDistinct(origins: Origin[]): void {
  const seen = new Set<string>();
  for (const origin of origins) {
    if (seen.has(nameOf(origin))) {
      const { job, checkpoint } = origin.record;
      throw new UnprocessableError(
        "with",
        `with: checkpoint ${checkpoint} of ${job} is there twice`,
      );
    }
    seen.add(nameOf(origin));
  }
}

/**
 * The nearest common ancestor whose file is sound and whose weights are the parents', held; null
 * where there is none. A fork may have another module than what it began from.
 */
async function holdAncestor(origins: Origin[], load: LoadJob): Promise<Origin | null> {
  for (const origin of await commonAncestors(origins, load)) {
    origin.job.held.hold(origin.record.checkpoint);
    if (await fits(origin, origins[0]!)) return origin;
    releaseOrigins([origin]);
  }
  return null;
}

async function fits(ancestor: Origin, parent: Origin): Promise<boolean> {
  const { job, record } = ancestor;
  if (!await job.deps.artifacts.verify(record)) return false;
  return await architectureDifference(pathOf(ancestor), pathOf(parent)) === null;
}

function checkAncestor(strategy: MergeStrategy, ancestor: Origin | null, origins: Origin[]): void {
  if (!NEEDS_ANCESTOR.has(strategy)) return;
  if (ancestor === null) {
    throw new UnprocessableError(
      "strategy",
      `strategy: ${strategy} reckons from a checkpoint of this architecture that all parents came ` +
        "from, and none is left",
    );
  }
  const own = origins.find((origin) => nameOf(origin) === nameOf(ancestor));
  if (own === undefined || !NEEDS_TASK_VECTORS.has(strategy)) return;
  const { job, checkpoint } = own.record;
  throw new UnprocessableError(
    "with",
    `with: the other parents came from checkpoint ${checkpoint} of ${job}, itself a parent, so that ` +
      `${strategy} would find nothing learned in it; merge those that came from it, or train it on`,
  );
}

function checkControl(
  strategy: MergeStrategy,
  ancestor: Origin | null,
  { control, gate }: MergeRequest,
): void {
  if (!control) return;
  const reason = gate === null
    ? "there is no gate to compare it in"
    : strategy === "distillation"
    ? "a distillation has none; train a plain fork beside it"
    : ancestor === null
    ? "it trains on from a checkpoint of this architecture that all parents came from, and none is left"
    : null;
  if (reason !== null) throw new UnprocessableError("control", `control: ${reason}`);
}

function pointOf({ record: { job, checkpoint } }: Origin): { job: string; checkpoint: number } {
  return { job, checkpoint };
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
