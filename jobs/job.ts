/**
 * What a job is: its manifest, its checkpoints, the receipts of what was asked of it. Its states are
 * beside it, in `job_state.ts`.
 */
import { resolve } from "node:path";
import { z } from "zod";
import { ForkFacts, RehearsalShare, SchedulePolicy } from "../runtime/protocol/fork.ts";
import { BatchNormPolicy, GateResult, GateRule } from "../runtime/protocol/merge_gate.ts";
import { Selection } from "../runtime/protocol/selection.ts";
import { JobState } from "./job_state.ts";

export * from "./job_state.ts";

const count = z.number().int().min(0);

/**
 * A selection as a manifest holds it: a long index list, or a rule with one, is a file named by its
 * SHA-256.
 */
export const StoredSelection = z.union([
  Selection,
  z.strictObject({ kind: z.enum(["indices", "rule"]), sha256: z.string(), count }),
]);
/** A selection as a manifest holds it. */
export type StoredSelection = z.infer<typeof StoredSelection>;

/** The last or best figures of a job; null where there is none yet. */
export const JobFigures = z.strictObject({
  step: count.nullable(),
  loss: z.number().nullable(),
  accuracy: z.number().nullable(),
  val_loss: z.number().nullable(),
  val_accuracy: z.number().nullable(),
  test_loss: z.number().nullable(),
  test_accuracy: z.number().nullable(),
});
/** The last or best figures of a job. */
export type JobFigures = z.infer<typeof JobFigures>;

/** A folder by its absolute path, without `..` and with no comma, which `deno` takes for a separator. */
const FolderPath = z.string().max(1_000).refine(
  (path) => path.startsWith("/") && !path.includes(",") && resolve(path) === path,
  "expected an absolute path of a folder, such as /data/pets",
);
const NetAddress = z.string().max(300).regex(
  /^([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]):[1-9]\d{0,4}$/,
  "expected host:port, such as example.com:443",
);

/** What a worker may do beyond its own folder: read folders, reach hosts. */
export const JobPermissions = z.strictObject({
  read: z.array(FolderPath).max(20).default([]).describe("folders that the job reads"),
  net: z.array(NetAddress).max(20).default([]).describe("host:port that the job reaches"),
});
/** What a worker may do beyond its own folder. */
export type JobPermissions = z.infer<typeof JobPermissions>;

/** What of a fork is not as its parent's was. */
export const Differs = z.strictObject({
  /** Config keys, snake_case; `from` is null where the parent's was not known yet. */
  config: z.record(z.string(), z.strictObject({ from: z.unknown(), to: z.unknown() })).optional(),
  /** SHA-256 of the module's source. */
  module: z.strictObject({ from: z.string(), to: z.string() }).optional(),
  lr_mul: z.number().optional(),
  optimizer: z.literal("fresh").optional(),
  schedule: z.literal("restart").optional(),
  rehearsal: RehearsalShare.optional(),
});
/** What of a fork is not as its parent's was. */
export type Differs = z.infer<typeof Differs>;

/** One checkpoint of one job. */
const CheckpointPoint = z.strictObject({ job: z.string(), checkpoint: count });

/** Which of an owner's jobs gets a slot first: the higher. */
export const Priority = z.number().int().min(-100).max(100)
  .describe("the higher goes first among an owner's jobs; 0 unless said");

/** One figure of the validations: the newest, and the best with its step. */
export const ValidationFigure = z.strictObject({
  last: z.number().nullable(),
  best: z.number().nullable(),
  best_step: count.nullable(),
  direction: z.enum(["min", "max"]),
});
/** One figure of the validations. */
export type ValidationFigure = z.infer<typeof ValidationFigure>;

/** The manifest of a job: what it is and how it stands, as the API shows it. */
export const JobManifest = z.strictObject({
  id: z.string(),
  session: z.string(),
  project: z.string(),
  run_name: z.string(),
  kind: z.enum(["root", "fork", "merge", "attached"]),
  state: JobState,
  /** What the job heads for when it is in no end state: recovery restores it. */
  goal: z.enum(["running", "paused", "parked", "stopped"]),
  parents: z.array(z.string()),
  origin: z.strictObject({ checkpoint: count.nullable(), step: count }),
  /** How a child starts; null for a root. */
  spawn: z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("fork"),
      selection: StoredSelection,
      optimizer: z.enum(["keep", "fresh"]),
      lr_mul: z.number(),
      /** Absent in manifests of before: it goes on. */
      schedule: SchedulePolicy.optional(),
      /** Share of other samples that was asked for; absent when none was. */
      rehearsal: RehearsalShare.optional(),
      /** Hash of the data that the selection is about, where it was known. */
      dataset_hash: z.string().optional(),
      /** Whether the child has a module of its own. */
      new_module: z.boolean().optional(),
      /** The other children of the same call. */
      siblings: z.array(z.string()).optional(),
      /** Config keys that the request set itself; absent when there are none. */
      overrides: z.array(z.string()).optional(),
    }),
    z.strictObject({
      kind: z.literal("merge"),
      strategy: z.string(),
      params: z.record(z.string(), z.unknown()),
      /** Checkpoints it is made of, the path job's first; absent in manifests of before. */
      checkpoints: z.array(CheckpointPoint).optional(),
      /** The nearest checkpoint that all of them came from; null where none is left. */
      ancestor: CheckpointPoint.nullable().optional(),
      optimizer: z.enum(["keep", "fresh"]).optional(),
      batch_norm: BatchNormPolicy.optional(),
      /** How it is judged; null where it is not. */
      gate: GateRule.nullable().optional(),
      control: z.boolean().optional(),
      /** Config keys that the request set itself; absent when there are none. */
      overrides: z.array(z.string()).optional(),
    }),
  ]).nullable(),
  /** What of a fork is not as its parent's was when it was made; absent where nothing is. */
  differs: Differs.optional(),
  /** What a fork's worker found when it began; absent before that. */
  fork: ForkFacts.optional(),
  /** False for a merge that only computes its weights and then parks. */
  start: z.boolean(),
  take: z.number().int().min(1),
  attempt: count,
  step: count,
  epoch: count,
  steps_per_epoch: count.nullable(),
  /** Overrides until the module is loaded, the effective config afterwards; snake_case. */
  config: z.record(z.string(), z.unknown()),
  module: z.strictObject({ sha256: z.string(), name: z.string() }),
  files: z.array(z.strictObject({ name: z.string(), bytes: count, sha256: z.string() })),
  /** Datasets that the submission named; absent when it named none. */
  datasets: z.array(z.strictObject({ name: z.string(), sha256: z.string().nullable() })).optional(),
  /** What the submission asked for and the server granted; absent when it asked for nothing. */
  permissions: JobPermissions.optional(),
  /** SHA-256 of the lock of what modules could import here; absent when it was no more than usual. */
  imports: z.strictObject({ lock: z.string() }).optional(),
  dataset: z.strictObject({ hash: z.string(), train: count, val: count, test: count }).nullable(),
  /** Training samples in use, where a selection picked them. */
  selected: count.nullable(),
  backend: z.strictObject({ name: z.string(), reason: z.string() }).nullable(),
  isolation: z.string().nullable(),
  determinism: z.string().nullable(),
  threads: z.number().int().min(1).nullable(),
  owner: z.string(),
  /** Absent in manifests of before: 0. */
  priority: Priority.optional(),
  created_at: z.number(),
  started_at: z.number().nullable(),
  finished_at: z.number().nullable(),
  metrics: z.strictObject({
    last: JobFigures,
    best: JobFigures,
    /** Figures of the validations by name, the module's own among them; absent before the first. */
    val: z.record(z.string(), ValidationFigure).optional(),
  }),
  /** What the gate of a merge found; absent where there was none. */
  gate: GateResult.optional(),
  /** How many times the test split was looked at. */
  test_looks: count,
  /** What is known of the script that trains it; only where one does. */
  attached: z.strictObject({
    /** SHA-256 of what only the script's trainer knows. */
    claim: z.string(),
    /** The attempt that the script is; a later one is a worker of the server's. */
    run_gen: z.number().int().min(1),
    script: z.string(),
    /** Whether it gave a module that builds the same run. */
    rebuilds: z.boolean(),
    capabilities: z.array(z.string()),
    version: z.string(),
  }).optional(),
  error: z.strictObject({
    message: z.string(),
    stack: z.string().nullable(),
    phase: z.string(),
    cause: z.string(),
  }).nullable(),
  /** The last event of the log that this manifest reflects. */
  seq: count,
});
/** The manifest of a job. */
export type JobManifest = z.infer<typeof JobManifest>;

/** A checkpoint of a job. `path` is relative to the job's folder. */
export const CheckpointRecord = z.strictObject({
  job: z.string(),
  checkpoint: z.number().int().min(1),
  take: z.number().int().min(1),
  attempt: z.number().int().min(1),
  step: count,
  axis_step: count,
  epoch: count,
  path: z.string(),
  bytes: count,
  sha256: z.string(),
  reason: z.string(),
  label: z.string().nullable(),
  /** Jobs that started from it; while there is one, it is never dropped. */
  pinned_by: z.array(z.string()),
  created_at: z.number(),
  /** Position of its `checkpoint_saved` event in the log. */
  seq: count,
});
/** A checkpoint of a job. */
export type CheckpointRecord = z.infer<typeof CheckpointRecord>;

/** The answer to a control call. */
export const Receipt = z.looseObject({
  command_id: z.string(),
  command: z.string(),
  job: z.string(),
  status: z.enum(["pending", "applied", "failed"]),
  requested_at_step: count,
  applied_at_step: count.nullable(),
  /** Why it failed: the name of the error and what it says. */
  error: z.object({ type: z.string(), message: z.string() }).optional(),
});
/** The answer to a control call. */
export type Receipt = z.infer<typeof Receipt>;
