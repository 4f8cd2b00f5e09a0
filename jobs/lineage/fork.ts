import { createHash } from "node:crypto";
import type { ForkRequest } from "../control_plane.ts";
import { NotFoundError, UnprocessableError } from "../errors.ts";
import { ruleOf } from "../inspection/stored_selection.ts";
import { assertAllowed } from "../life/assert_allowed.ts";
import type { BoundKey } from "../life/idempotent_requests.ts";
import type { LiveJob } from "../life/live_job.ts";
import type { Differs } from "../job.ts";
import { checkModule } from "../submission/module_syntax.ts";
import { checkSelection } from "./check_selection.ts";
import { childConfig, wireConfig, withoutModules } from "./child_config.ts";
import type { Child, ChildMaker, ChildPlan } from "./child_maker.ts";
import { holdOrigin, type Origin, releaseOrigins } from "./origin.ts";

/**
 * Makes forks of a job: children that go on from its checkpoints, each on a selection of its
 * samples. All of them or none. The children's own workers find the samples.
 *
 * @param requests One a child; those that begin "now" begin at the same checkpoint.
 * @throws {StateConflictError | ConflictError} when there is nothing to start from yet.
 * @throws {UnprocessableError} for a selection of samples that are known not to be there. Of several
 * children the field names which.
 */
export async function fork(
  maker: ChildMaker,
  parent: LiveJob,
  requests: readonly ForkRequest[],
  actor: string,
  key: BoundKey | undefined,
): Promise<Child[]> {
  assertAllowed(parent, "fork");
  const several = requests.length > 1;
  const plans = await Promise.all(
    requests.map((request, index) =>
      naming(several ? index : null, () => planOf(parent, request, actor))
    ),
  );
  const origins = await holdAll(parent, requests, several);
  try {
    return await maker.makeAll(
      plans.map((plan, index) => ({ ...plan, origins: [origins.get(requests[index]!.at)!] })),
      key,
    );
  } finally {
    releaseOrigins([...origins.values()]);
  }
}

async function planOf(
  parent: LiveJob,
  request: ForkRequest,
  actor: string,
): Promise<Omit<ChildPlan, "origins">> {
  const { selected, dataset, config, module } = parent.record.manifest;
  const selection = await ruleOf(parent, request.selection, "train");
  checkSelection(selection, (selection.of === "all" ? null : selected) ?? dataset?.train);
  const { rehearsal = 0, schedule = "continue", optimizer, lr_mul } = request;
  if (rehearsal > 0 && selection.kind === "all") {
    throw new UnprocessableError("rehearsal", "rehearsal: `all` leaves no other samples");
  }
  const overrides = wireConfig(request.config);
  const source = request.module === undefined ? null : await checkedModule(parent, request.module);
  const childs = childConfig(source === null ? config : withoutModules(config), overrides);
  const differs: Differs = {
    ...differing(config, childs),
    ...source && source.sha256 !== module.sha256 &&
      { module: { from: module.sha256, to: source.sha256 } },
    ...lr_mul !== 1 && { lr_mul },
    ...optimizer === "fresh" && { optimizer },
    ...schedule === "restart" && { schedule },
    ...rehearsal > 0 && { rehearsal },
  };
  return {
    kind: "fork",
    runName: request.run_name,
    config: childs,
    ...source && { module: source },
    ...Object.keys(differs).length > 0 && { differs },
    spawn: {
      kind: "fork",
      selection,
      optimizer,
      lr_mul,
      schedule,
      ...rehearsal > 0 && { rehearsal },
      ...dataset && { dataset_hash: dataset.hash },
      ...source && { new_module: true },
      overrides: Object.keys(overrides),
    },
    start: request.start,
    actor,
  };
}

/** A module that takes the parent's place, beside the modules and files that the parent has. */
async function checkedModule({ id, deps, record }: LiveJob, source: string) {
  const extraModules = await deps.artifacts.extraModules(id);
  const allowed = deps.options.imports?.names ?? [];
  checkModule(source, record.manifest.module.name, { extraModules, allowed });
  return { source, sha256: createHash("sha256").update(source).digest("hex") };
}

/** The keys of a child's config that are not its parent's. */
function differing(
  parent: Record<string, unknown>,
  child: Record<string, unknown>,
): Pick<Differs, "config"> {
  const keys = [...new Set([...Object.keys(parent), ...Object.keys(child)])]
    .filter((key) => JSON.stringify(parent[key]) !== JSON.stringify(child[key]));
  if (keys.length === 0) return {};
  const entries = keys.map((key) => [key, { from: parent[key] ?? null, to: child[key] ?? null }]);
  return { config: Object.fromEntries(entries) };
}

/** The checkpoints that children begin at, each held once, by what the requests call them. */
async function holdAll(
  parent: LiveJob,
  requests: readonly ForkRequest[],
  several: boolean,
): Promise<Map<ForkRequest["at"], Origin>> {
  const held = new Map<ForkRequest["at"], Origin>();
  try {
    for (const [index, { at }] of requests.entries()) {
      if (held.has(at)) continue;
      const hold = () => holdOrigin(parent, at === "now" ? null : at, "fork");
      held.set(at, await naming(several && at !== "now" ? index : null, hold));
    }
    return held;
  } catch (error) {
    releaseOrigins([...held.values()]);
    throw error;
  }
}

/** Lets an error say which child it is about; null: there is but one. */
async function naming<T>(child: number | null, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (child === null) throw error;
    const at = `children.${child}`;
    if (error instanceof UnprocessableError) {
      const { field, message, extra } = error;
      throw new UnprocessableError(`${at}.${field}`, `${at}.${message}`, { ...extra, child });
    }
    if (error instanceof NotFoundError) {
      throw new UnprocessableError(at, `${at}: ${error.message}`, { child });
    }
    throw error;
  }
}
