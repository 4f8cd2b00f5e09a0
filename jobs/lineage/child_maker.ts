import type { ServerEvents } from "../../runtime/protocol/events.ts";
import type { LoggedEvent } from "../events/event_log.ts";
import type { BoundKey } from "../life/idempotent_requests.ts";
import { partsOf } from "../../runtime/protocol/selection.ts";
import type { CheckpointRecord, Differs, JobManifest, StoredSelection } from "../job.ts";
import { newJobId } from "../job_id.ts";
import type { LiveJob } from "../life/live_job.ts";
import type { Origin } from "./origin.ts";
import { stillGranted } from "../submission/permissions.ts";
import { newManifest } from "../submission/submission.ts";
import type { JobDeps } from "../supervisor_deps.ts";

/** A job that is made of others. */
export interface ChildPlan {
  kind: "fork" | "merge";
  /** The first one's module, files and session become the child's. */
  origins: Origin[];
  /** What all of a merge's parents came from. */
  ancestor?: Origin | null;
  runName: string | undefined;
  config: Record<string, unknown>;
  /** A module that takes the place of the first origin's. */
  module?: { source: string; sha256: string };
  differs?: Differs;
  spawn: NonNullable<JobManifest["spawn"]>;
  start: boolean;
  actor: string;
}

/** A child that was made, not yet at work. */
export type Child = JobManifest;

/** Longest index list that a manifest holds itself; KV values stop at 64 KiB. */
const INLINE_INDICES = 1_000;

/** Makes children: pins what they start from, links their files, writes their manifests. */
export class ChildMaker {
  readonly #deps: JobDeps;
  #births: Promise<unknown> = Promise.resolve();

  constructor(deps: JobDeps) {
    this.#deps = deps;
  }

  async make({ key, ...plan }: ChildPlan & { key: BoundKey | undefined }): Promise<Child> {
    const [child] = await this.makeAll([plan], key);
    return child!;
  }

  /** Makes every child or none. One call at a time, so that each finds the next free name. */
  makeAll(plans: readonly ChildPlan[], key: BoundKey | undefined): Promise<Child[]> {
    const children = this.#births.then(() => this.#makeAll(plans, key));
    this.#births = children.catch(() => {
      // Whoever asked for them hears of it.
    });
    return children;
  }

  async #makeAll(plans: readonly ChildPlan[], key: BoundKey | undefined): Promise<Child[]> {
    const { randomId, store } = this.#deps;
    const births = plans.map((plan) => ({ id: newJobId(randomId), plan }));
    try {
      const manifests: JobManifest[] = [];
      const names = new Set<string>();
      for (const { id, plan } of births) {
        await this.#layOut(id, plan);
        const siblings = births.map((birth) => birth.id).filter((other) => other !== id);
        const manifest = await this.#manifest(id, plan, { names, siblings });
        manifests.push(manifest);
        names.add(manifest.run_name);
      }
      return await store.createAll(manifests, key);
    } catch (error) {
      for (const { id, plan } of births) {
        await Promise.all(pinnedBy(plan).map(({ job }) => unpin(job, id)));
        await this.#deps.artifacts.removeJob(id);
      }
      throw error;
    }
  }

  async #layOut(id: string, plan: ChildPlan): Promise<void> {
    const { artifacts } = this.#deps;
    const pinned = pinnedBy(plan);
    await Promise.all(pinned.map((origin) => pin(origin, id)));
    await artifacts.createChild(id, plan.origins[0]!.job.id, plan.module?.source);
    for (const { record } of pinned) await artifacts.linkOrigin(id, record);
  }

  async #manifest(
    id: string,
    plan: ChildPlan,
    { names, siblings }: { names: ReadonlySet<string>; siblings: string[] },
  ): Promise<JobManifest> {
    const { kind, origins, config, start, actor } = plan;
    const parent = origins[0]!.job.record.manifest;
    const { session, project, module, files, datasets, permissions, priority = 0 } = parent;
    const { imports, permissions: policy } = this.#deps.options;
    const granted = await stillGranted(permissions, policy);
    return newManifest(this.#deps.clock(), {
      id,
      session,
      project,
      run_name: plan.runName ?? await this.#freeName(session, kind, names),
      kind,
      config,
      module: plan.module ? { ...module, sha256: plan.module.sha256 } : module,
      ...plan.differs && { differs: plan.differs },
      files,
      ...datasets === undefined ? {} : { datasets },
      ...granted && { permissions: granted },
      ...imports && { imports: { lock: imports.lock } },
      owner: actor,
      priority,
      start,
      goal: start ? "running" : "parked",
      parents: [...new Set(origins.map(({ job }) => job.id))],
      origin: {
        checkpoint: origins[0]!.record.checkpoint,
        step: Math.max(...origins.map(({ record }) => record.axis_step)),
      },
      spawn: {
        ...await this.#storedSpawn(id, plan.spawn),
        ...kind === "fork" && siblings.length > 0 && { siblings },
      },
    });
  }

  async #storedSpawn(
    id: string,
    spawn: NonNullable<JobManifest["spawn"]>,
  ): Promise<NonNullable<JobManifest["spawn"]>> {
    if (spawn.kind !== "fork") return spawn;
    const { selection } = spawn;
    if ("sha256" in selection) return spawn;
    const count = partsOf(selection).reduce(
      (sum, part) => sum + ("indices" in part ? part.indices?.length ?? 0 : 0),
      0,
    );
    if (count <= INLINE_INDICES) return spawn;
    const isList = selection.kind === "indices";
    const bytes = new TextEncoder().encode(JSON.stringify(isList ? selection.indices : selection));
    const stored: StoredSelection = {
      kind: isList ? "indices" : "rule",
      sha256: await this.#deps.artifacts.putBlob(id, bytes),
      count,
    };
    return { ...spawn, selection: stored };
  }

  /** The number that was set for the session's children of this kind; 0 when none was. */
  #taken(jobs: JobManifest[], kind: "fork" | "merge"): number {
    const newest = jobs.map(({ id }) => this.#deps.log.newest(id, ["counters_set"]))
      .filter((event) => event !== null)
      .reduce<LoggedEvent | null>((a, b) => a !== null && a.seq > b.seq ? a : b, null);
    return newest === null ? 0 : (JSON.parse(newest.data) as ServerEvents["counters_set"])[kind];
  }

  /** `fork1`, `fork2`, ... */
  async #freeName(
    session: string,
    kind: "fork" | "merge",
    taken: ReadonlySet<string>,
  ): Promise<string> {
    const jobs = await this.#deps.store.ofSession(session);
    const names = new Set([...taken, ...jobs.map((job) => job.run_name)]);
    for (let number = 1 + this.#taken(jobs, kind);; number++) {
      if (!names.has(`${kind}${number}`)) return `${kind}${number}`;
    }
  }
}

/** What a child keeps from the ring. */
function pinnedBy({ origins, ancestor }: ChildPlan): Origin[] {
  return [...origins, ...ancestor ? [ancestor] : []];
}

/** Keeps a checkpoint for as long as the child is there. */
async function pin({ job, record }: Origin, child: string): Promise<void> {
  const current = job.record.checkpoints.get(record.checkpoint) ?? record;
  const pins = new Set([...current.pinned_by, child]);
  await job.record.putCheckpoint(withPins(current, [...pins]));
}

/** Lets the checkpoints of a job go that a child started from. */
export async function unpin(job: LiveJob, child: string): Promise<void> {
  const pinned = job.record.checkpoints.values()
    .filter((record) => record.pinned_by.includes(child)).toArray();
  await Promise.all(pinned.map((record) => {
    const others = record.pinned_by.filter((dependant) => dependant !== child);
    return job.record.putCheckpoint(withPins(record, others));
  }));
}

function withPins(record: CheckpointRecord, pinned_by: string[]): CheckpointRecord {
  return { ...record, pinned_by };
}
