import type { CheckpointReference, LaunchContext } from "../../runtime/protocol/commands.ts";
import type { TrainerEvents } from "../../runtime/protocol/events.ts";
import { HPARAM_NAMES } from "../../runtime/protocol/hparams.ts";
import { JobConfig } from "../../runtime/protocol/job_config.ts";
import { Selection } from "../../runtime/protocol/selection.ts";
import { newToken } from "../job_id.ts";
import type { CheckpointRecord, JobManifest, StoredSelection } from "../job.ts";
import { mergeSlices } from "./merge_slices.ts";
import type { RecoveryPlan } from "./recovery.ts";
import type { JobDeps } from "../supervisor_deps.ts";

/** What is particular to one attempt. */
export interface AttemptStart {
  attempt: number;
  goal: LaunchContext["goal"];
  plan: RecoveryPlan;
  /** Where it writes, in place of the attempt's folder of checkpoints. */
  folder?: string;
}

type Sibling = NonNullable<
  Extract<LaunchContext["start"], { from: "fork" }>["siblings"]
>[number];
type Deps = Pick<JobDeps, "artifacts" | "datasets" | "log" | "store" | "options" | "randomId">;

/** Everything that a worker needs to become this attempt of this job. */
export async function launchContext(
  deps: Deps,
  manifest: JobManifest,
  { attempt, goal, plan, folder }: AttemptStart,
): Promise<LaunchContext> {
  const { artifacts, options } = deps;
  const root = await rootOf(deps, manifest);
  return {
    token: newToken(deps.randomId),
    run_id: manifest.id,
    run_gen: attempt,
    session_id: manifest.session,
    project: manifest.project,
    run_name: manifest.run_name,
    module: {
      path: artifacts.resolve(manifest.id, "module.ts"),
      sha256: manifest.module.sha256,
    },
    files: manifest.files.map(({ name }) => ({
      name,
      path: artifacts.resolve(manifest.id, `files/${name}`),
    })),
    ...await datasetsOf(deps, manifest),
    config: plan.point === null ? firstConfig(deps, manifest) : manifest.config,
    membership_seed: root === null ? null : Number(root.config["seed"]),
    dataset_hash: (root ?? manifest).dataset?.hash ?? null,
    backend: backendOf(manifest) ?? options.backend,
    ...options.imports && { imports: options.imports.lock },
    threads: manifest.threads ?? options.threads,
    checkpoint_dir: folder ?? await artifacts.attemptDir(manifest.id, attempt),
    next_checkpoint: nextCheckpoint(deps, manifest.id),
    start: await startOf(deps, manifest, plan),
    ...await distillationOf(deps, manifest),
    ...await mergeSlices(deps, manifest),
    origin_step: manifest.origin.step,
    replay: { until_step: plan.range.untilStep, commands: plan.commands },
    goal,
  };
}

/** What the job asks to be computed on; null where that is the server's choice. */
function backendOf({ config }: JobManifest): LaunchContext["backend"] | null {
  const asked = JobConfig.shape.backend.safeParse(config["backend"]);
  return asked.success && asked.data !== "auto" ? asked.data : null;
}

/** Where the datasets lie that the submission named. @throws {ConflictError} when one is gone. */
async function datasetsOf(
  { datasets }: Deps,
  manifest: JobManifest,
): Promise<Pick<LaunchContext, "datasets">> {
  if (manifest.datasets === undefined) return {};
  return {
    datasets: await Promise.all(manifest.datasets.map(async (reference) => ({
      name: reference.name,
      path: await datasets.folder(reference),
    }))),
  };
}

/** The root of a child's lineage; null for a root. A script may have several roots in a session. */
async function rootOf({ store }: Deps, manifest: JobManifest): Promise<JobManifest | null> {
  if (manifest.parents.length === 0) return null;
  const jobs = new Map((await store.ofSession(manifest.session)).map((job) => [job.id, job]));
  let root: JobManifest | undefined = manifest;
  while (root !== undefined && root.parents.length > 0) root = jobs.get(root.parents[0]!);
  if (root === undefined) throw new Error(`session ${manifest.session} has lost its root`);
  return root;
}

/**
 * The config from which a job that begins anew began at first: what was changed live since then is
 * changed again at its step. Budgets are what they are now.
 */
function firstConfig({ log }: Deps, manifest: JobManifest): Record<string, unknown> {
  const [started] = log.read({ job: manifest.id, types: ["session_started"] }, 0, 1);
  if (started === undefined) return manifest.config;
  const { config } = JSON.parse(started.data) as TrainerEvents["session_started"];
  const { max_epochs, max_steps } = manifest.config;
  return { ...config, max_epochs, max_steps };
}

/** The hyperparameters that a job began with, of those that may be changed live. */
export function firstHparams(deps: Deps, manifest: JobManifest): Record<string, unknown> {
  const config = firstConfig(deps, manifest);
  const told = HPARAM_NAMES.filter((name) => config[name] !== undefined);
  return Object.fromEntries(told.map((name) => [name, config[name]]));
}

/** Numbers go on where the log ends, whatever the ring has dropped. */
function nextCheckpoint({ log }: Deps, job: string): number {
  const newest = log.newest(job, ["checkpoint_saved"]);
  if (newest === null) return 1;
  return (JSON.parse(newest.data) as TrainerEvents["checkpoint_saved"]).checkpoint + 1;
}

async function startOf(
  deps: Deps,
  manifest: JobManifest,
  { point }: RecoveryPlan,
): Promise<LaunchContext["start"]> {
  if (point !== null) {
    const { record } = point;
    const path = deps.artifacts.resolve(record.job, record.path);
    return { from: "checkpoint", checkpoint: reference(record, path) };
  }
  const { spawn, origin } = manifest;
  if (spawn === null) return { from: "scratch" };
  const checkpoints = await originsOf(deps, manifest);
  if (spawn.kind === "merge") {
    const { strategy, params, ancestor = null, optimizer = "fresh", gate = null } = spawn;
    return {
      from: "merge",
      checkpoints,
      ancestor: ancestor && await originAt(deps, manifest, ancestor),
      origin_step: origin.step,
      strategy,
      params,
      optimizer,
      batch_norm: spawn.batch_norm ?? "recalculate",
      gate,
      control: spawn.control ?? false,
      overrides: [...spawn.overrides ?? [], ...changedBefore(deps, manifest)],
    };
  }
  const { optimizer, lr_mul, overrides = [], schedule, rehearsal, new_module } = spawn;
  return {
    from: "fork",
    checkpoint: checkpoints[0]!,
    origin_step: origin.step,
    selection: await loadSelection(deps, manifest.id, spawn.selection),
    optimizer,
    lr_mul,
    ...schedule && { schedule },
    ...rehearsal && { rehearsal },
    ...new_module && { new_module },
    ...await siblingsOf(deps, manifest),
    overrides: [...overrides, ...changedBefore(deps, manifest)],
  };
}

/** The children of the same call that are left and begin where this one does. */
async function siblingsOf(
  deps: Deps,
  { spawn, origin }: JobManifest,
): Promise<{ siblings?: Sibling[] }> {
  if (spawn?.kind !== "fork" || spawn.siblings === undefined) return {};
  const siblings: Sibling[] = [];
  for (const id of spawn.siblings) {
    const sibling = await deps.store.get(id);
    if (sibling?.spawn?.kind !== "fork" || sibling.origin.checkpoint !== origin.checkpoint) {
      continue;
    }
    const selection = await loadSelection(deps, id, sibling.spawn.selection);
    siblings.push({ job: id, run_name: sibling.run_name, selection });
  }
  return siblings.length === 0 ? {} : { siblings };
}

/** Config keys that somebody changed while the job waited for its first worker. */
function changedBefore({ log }: Deps, { id: job }: JobManifest): string[] {
  const [first] = log.read({ job, types: ["session_started"] }, 0, 1);
  const changes = log.read({ job, types: ["config_changed"] }, 0, Number.MAX_SAFE_INTEGER);
  return changes
    .filter(({ seq }) => first === undefined || seq < first.seq)
    .flatMap(({ data }) => Object.keys((JSON.parse(data) as { config: object }).config));
}

/** What a student needs of its teachers, wherever it goes on. */
async function distillationOf(
  deps: Deps,
  manifest: JobManifest,
): Promise<Pick<LaunchContext, "distillation">> {
  const { spawn } = manifest;
  if (spawn?.kind !== "merge" || spawn.strategy !== "distillation") return {};
  const { params, ancestor = null, gate = null } = spawn;
  return {
    distillation: {
      teachers: await originsOf(deps, manifest),
      ancestor: ancestor && await originAt(deps, manifest, ancestor),
      params,
      gate,
    },
  };
}

/** The checkpoints that this child is made of, in the request's order. */
async function originsOf(deps: Deps, manifest: JobManifest): Promise<CheckpointReference[]> {
  const { spawn, parents } = manifest;
  const points = (spawn?.kind === "merge" ? spawn.checkpoints : undefined) ??
    parents.map((job) => ({ job }));
  return await Promise.all(points.map((point) => originAt(deps, manifest, point)));
}

/** A checkpoint that this child pinned: the one named, or the one of that job. */
async function originAt(
  deps: Deps,
  { id }: JobManifest,
  { job, checkpoint }: { job: string; checkpoint?: number },
): Promise<CheckpointReference> {
  const record = (await deps.store.checkpoints(job)).find((candidate) =>
    candidate.pinned_by.includes(id) &&
    (checkpoint === undefined || candidate.checkpoint === checkpoint)
  );
  if (record === undefined) throw new Error(`parent ${job} has lost the checkpoint`);
  return reference(record, await deps.artifacts.linkOrigin(id, record));
}

/** A selection as a request gave it, whatever file holds its indices. */
export async function loadSelection(
  { artifacts }: Pick<Deps, "artifacts">,
  job: string,
  stored: StoredSelection,
): Promise<Selection> {
  if (!("sha256" in stored)) return stored;
  const text = new TextDecoder().decode(await artifacts.getBlob(job, stored.sha256));
  const json: unknown = JSON.parse(text);
  return Selection.parse(stored.kind === "rule" ? json : { kind: "indices", indices: json });
}

function reference(record: CheckpointRecord, path: string): CheckpointReference {
  const { job, checkpoint, sha256 } = record;
  return { job, checkpoint, path, sha256 };
}
