import { createHash } from "node:crypto";
import { JobConfig, toWireConfig } from "../../runtime/protocol/job_config.ts";
import type { Submission } from "../control_plane.ts";
import { NotFoundError, UnprocessableError } from "../errors.ts";
import type { BoundKey } from "../life/idempotent_requests.ts";
import type { JobManifest, JobPermissions } from "../job.ts";
import { newJobId, newSessionId } from "../job_id.ts";
import { JobName } from "./job_name.ts";
import { NO_FIGURES } from "../life/job_projection.ts";
import { checkModule } from "./module_syntax.ts";
import { grantPermissions } from "./permissions.ts";
import type { DatasetReference } from "../storage/dataset_store.ts";
import type { JobDeps } from "../supervisor_deps.ts";

const NOTHING: JobPermissions = { read: [], net: [] };

/**
 * Checks a submission and keeps it: its folder, then its manifest and key in one atomic.
 *
 * @throws {UnprocessableError} for a module or a name that cannot be used.
 */
export async function keepSubmission(
  deps: JobDeps,
  submission: Submission,
  key: BoundKey | undefined,
): Promise<JobManifest> {
  const { module, extraModules, files } = submission;
  const names = extraModules.map(({ name }) => name);
  const { imports, permissions: policy } = deps.options;
  const rules = { extraModules: names, allowed: imports?.names ?? [] };
  const facts = checkModule(module.source, module.name, rules);
  for (const extra of extraModules) {
    checkModule(extra.source, extra.name, { ...rules, main: false });
  }
  const permissions = await grantPermissions(submission.permissions ?? NOTHING, policy);
  const datasets = await referencesTo(deps, submission.datasets ?? []);
  const id = newJobId(deps.randomId);
  const manifest = newManifest(deps.clock(), {
    id,
    session: newSessionId(deps.randomId),
    project: submission.project ?? named("project", facts.project, module.name) ?? "default",
    run_name: submission.runName ?? named("runName", facts.runName, module.name) ?? "run",
    kind: "root",
    config: {
      ...facts.backend === null ? {} : { backend: backendNamed(facts.backend, module.name) },
      ...toWireConfig(submission.config),
    },
    module: { sha256: sha256Of(module.source), name: module.name },
    files: files.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 })),
    ...datasets.length === 0 ? {} : { datasets },
    ...permissions.read.length + permissions.net.length === 0 ? {} : { permissions },
    ...imports === undefined ? {} : { imports: { lock: imports.lock } },
    owner: submission.owner,
    priority: submission.priority ?? 0,
  });
  await deps.artifacts.createJob(id, module.source, extraModules, files);
  try {
    return await deps.store.create(manifest, key);
  } catch (error) {
    await deps.artifacts.removeJob(id);
    throw error;
  }
}

/** @throws {UnprocessableError} for a backend that there is not. */
function backendNamed(backend: string, module: string): string {
  if (JobConfig.shape.backend.safeParse(backend).success) return backend;
  const known = JobConfig.shape.backend.options.join(", ");
  throw new UnprocessableError(
    "module",
    `${module}: config.backend: there is no ${backend}; known: ${known}`,
  );
}

/** The datasets as they are now: a job never reads one that took the place of another. */
async function referencesTo(
  { datasets }: JobDeps,
  names: readonly string[],
): Promise<DatasetReference[]> {
  return await Promise.all(names.map(async (name) => {
    try {
      return await datasets.reference(name);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      throw new UnprocessableError("datasets", `datasets: ${error.message}`);
    }
  }));
}

/** What a new job is, beyond what every new job is. */
export type Newborn =
  & Pick<
    JobManifest,
    "id" | "session" | "project" | "run_name" | "kind" | "config" | "module" | "files" | "owner"
  >
  & Partial<JobManifest>;

/** The manifest of a job to which nothing has happened yet. */
export function newManifest(createdAt: number, facts: Newborn): JobManifest {
  return {
    state: "queued",
    goal: "running",
    parents: [],
    origin: { checkpoint: null, step: 0 },
    spawn: null,
    start: true,
    take: 1,
    attempt: 0,
    step: 0,
    epoch: 0,
    steps_per_epoch: null,
    dataset: null,
    selected: null,
    backend: null,
    isolation: null,
    determinism: null,
    threads: null,
    created_at: createdAt,
    started_at: null,
    finished_at: null,
    metrics: { last: NO_FIGURES, best: NO_FIGURES },
    test_looks: 0,
    error: null,
    seq: 0,
    ...facts,
  };
}

/** A name that the module gives itself. */
function named(key: string, name: string | null, module: string): string | null {
  if (name === null) return null;
  const parsed = JobName.safeParse(name);
  if (parsed.success) return name;
  const wrong = parsed.error.issues[0]!.message;
  throw new UnprocessableError("module", `${module}: ${key} ${JSON.stringify(name)}: ${wrong}`);
}

function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
