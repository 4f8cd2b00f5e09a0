/**
 * Commands: what the server asks of a trainer, one JSON object a line.
 *
 * The server's duty: a unique `id`, a payload that the schema here accepts, one command at a time
 * for each trainer, and no command after it has closed the line.
 * The trainer's duty: exactly one reply to each, with the same `id`; a command takes effect at a
 * batch boundary, and the reply says at which step. A trajectory-changing command is announced by a
 * `command_applied` event that is durable before the next step runs.
 */
import { z } from "zod";
import { BACKENDS } from "./backend_names.ts";
import { CertifyPayload, type CertifyResult } from "./certificate.ts";
import { HEALTH_PAYLOADS, type HealthReport } from "./health.ts";
import { ExportPayload, type ExportResult } from "./export.ts";
import { type HparamsChange, HparamsPatch, type WireHparams } from "./hparams.ts";
import { RehearsalShare, SchedulePolicy } from "./fork.ts";
import { ReportRequest, type ScanResult } from "./report.ts";
import { SuspectsPayload, type SuspectsResult } from "./suspects.ts";
import { BatchNormPolicy, GateRule } from "./merge_gate.ts";
import { Selection } from "./selection.ts";

const step = z.number().int().min(0);
const saveReason = z.enum(["explicit", "fork", "merge", "report", "shutdown"]);
const budget = {
  max_epochs: z.number().int().min(1).optional(),
  max_steps: z.number().int().min(1).optional(),
};

/** The payload of each command. */
export const COMMAND_PAYLOADS = {
  pause: z.strictObject({}),
  resume: z.strictObject(budget),
  stop: z.strictObject({}),
  save_ckpt: z.strictObject({ reason: saveReason, label: z.string().max(200).optional() }),
  load_ckpt: z.strictObject({
    checkpoint: z.number().int().min(1),
    path: z.string(),
    sha256: z.string(),
  }),
  test: z.strictObject({
    split: z.enum(["train", "val", "test"]),
    label: z.string().max(200).optional(),
  }),
  set_hparams: HparamsPatch,
  scan: ReportRequest.extend({ folder: z.string() }),
  suspects: SuspectsPayload,
  export_subset: ExportPayload,
  reset_session: z.strictObject({}),
  certify: CertifyPayload,
  dist_health: HEALTH_PAYLOADS.distribution,
  activations_health: HEALTH_PAYLOADS.activations,
  numerics_health: HEALTH_PAYLOADS.numerics,
  determinism_health: HEALTH_PAYLOADS.determinism,
  throughput_health: HEALTH_PAYLOADS.throughput,
  gradients_health: HEALTH_PAYLOADS.gradients,
  memory_health: HEALTH_PAYLOADS.memory,
} as const satisfies Record<string, z.ZodType>;

/** What a trainer of ours says in its handshake that it takes: every command, and the `ack`. */
export const CAPABILITIES: readonly string[] = ["ack", ...Object.keys(COMMAND_PAYLOADS)];

/** Name of a command. */
export type CommandName = keyof typeof COMMAND_PAYLOADS;

/** Payload of the command `C`. */
export type CommandPayload<C extends CommandName> = z.infer<(typeof COMMAND_PAYLOADS)[C]>;

/** What the reply to each command carries as `data`. Every one says where it was applied. */
export interface CommandResults {
  pause: Applied & { checkpoint: number | null };
  resume: Applied;
  stop: Applied & { checkpoint: number | null };
  save_ckpt: Applied & { checkpoint: number };
  scan: Applied & ScanResult;
  suspects: Applied & SuspectsResult;
  export_subset: Applied & ExportResult;
  load_ckpt: Applied & { checkpoint: number; step: number };
  test: Applied & TestResult;
  set_hparams: Applied & {
    /** The checkpoint from before the change; null where the disk refused one. */
    checkpoint: number | null;
    hparams: WireHparams;
    changed: HparamsChange;
  };
  reset_session: Applied;
  certify: Applied & CertifyResult;
  dist_health: Applied & HealthReport;
  activations_health: Applied & HealthReport;
  numerics_health: Applied & HealthReport;
  determinism_health: Applied & HealthReport;
  throughput_health: Applied & HealthReport;
  gradients_health: Applied & HealthReport;
  memory_health: Applied & HealthReport;
}

/** Where a command took effect: the job's own step and epoch. */
export interface Applied {
  applied_at_step: number;
  epoch: number;
}

/** What a test answers. Losses are means over samples; accuracy is in [0, 1] or null. */
export interface TestResult {
  split: "train" | "val" | "test";
  samples: number;
  loss: number | null;
  accuracy: number | null;
  metrics: Record<string, number | null>;
  checkpoint: number | null;
}

/** Commands after which the run goes another way than without them; recovery applies them again. */
export const TRAJECTORY_COMMANDS = [
  "resume",
  "load_ckpt",
  "reset_session",
  "set_hparams",
] as const satisfies readonly CommandName[];

/** A command on the wire. */
export type Command<C extends CommandName = CommandName> = {
  [K in C]: { id: string; cmd: K; payload: CommandPayload<K> };
}[C];

/** Confirms that every event up to `event_seq` of this attempt is durable. It has no reply. */
export interface Acknowledgement {
  cmd: "ack";
  payload: { run_id: string; run_gen: number; event_seq: number };
}

/** The reply to a command. */
export type Reply =
  | { id: string; ok: true; data: Record<string, unknown> }
  | { id: string; ok: false; error: string; detail: string };

/** A logged command that recovery applies again, before the step after `applied_at_step` runs. */
export const ReplayCommand = z.strictObject({
  command: z.enum(TRAJECTORY_COMMANDS),
  payload: z.record(z.string(), z.unknown()),
  applied_at_step: step,
});
/** A logged command that recovery applies again. */
export type ReplayCommand = z.infer<typeof ReplayCommand>;

/** Names one checkpoint file and what must be true of its bytes. */
export const CheckpointReference = z.strictObject({
  job: z.string(),
  checkpoint: z.number().int().min(1),
  path: z.string(),
  sha256: z.string(),
});
/** Names one checkpoint file and what must be true of its bytes. */
export type CheckpointReference = z.infer<typeof CheckpointReference>;

/**
 * The first line on a worker's standard input: everything it needs to become this attempt of this
 * job. Paths are absolute, as the worker sees them.
 */
export const LaunchContext = z.strictObject({
  /** Begins every protocol line of this attempt, so that no other output can pass for one. */
  token: z.string().min(16),
  run_id: z.string(),
  run_gen: z.number().int().min(1),
  session_id: z.string(),
  project: z.string(),
  run_name: z.string(),
  module: z.strictObject({ path: z.string(), sha256: z.string() }),
  /** Posted data files: name as posted, path on disk. */
  files: z.array(z.strictObject({ name: z.string(), path: z.string() })),
  /** Datasets that the submission named: their name, their folder on disk. */
  datasets: z.array(z.strictObject({ name: z.string(), path: z.string() })).optional(),
  /** Overrides of the module's config, snake_case. */
  config: z.record(z.string(), z.unknown()),
  /** Seed that splits samples into train, val and test: the session root's. Null: the job's own. */
  membership_seed: z.number().int().min(0).nullable(),
  /** Hash that the split membership must have, once the root has told it. */
  dataset_hash: z.string().nullable(),
  backend: z.enum(BACKENDS),
  /** The library that `tensorflow` computes with, or why there is none; absent: none was looked for. */
  tensorflow: z.strictObject({
    library: z.string().nullable(),
    reason: z.string(),
    /** The GPU that this attempt was given, and the share of its memory; absent: the processor. */
    gpu: z.strictObject({ name: z.string(), fraction: z.number().gt(0).max(1) }).optional(),
  }).optional(),
  /** The GPU that `webgpu` computes on, or why there is none; absent: none was looked for. */
  webgpu: z.strictObject({ adapter: z.string().nullable(), reason: z.string() }).optional(),
  threads: z.number().int().min(1),
  /** SHA-256 of the lock of the packages that modules may import besides the usual ones. */
  imports: z.string().optional(),
  /** Folder this attempt writes its checkpoints to, and the number the first one gets. */
  checkpoint_dir: z.string(),
  next_checkpoint: z.number().int().min(1),
  start: z.discriminatedUnion("from", [
    z.strictObject({ from: z.literal("scratch") }),
    /** Go on where this job itself was. */
    z.strictObject({ from: z.literal("checkpoint"), checkpoint: CheckpointReference }),
    /** Begin a child at its parent's checkpoint. `origin_step` is the parent's axis step there. */
    z.strictObject({
      from: z.literal("fork"),
      checkpoint: CheckpointReference,
      origin_step: step,
      selection: Selection,
      optimizer: z.enum(["keep", "fresh"]),
      lr_mul: z.number().positive(),
      schedule: SchedulePolicy.optional(),
      /** Share of what it trains on that is not of the selection; 0 when absent. */
      rehearsal: RehearsalShare.optional(),
      /** Whether its module is not its parent's: weights are then taken as they match. */
      new_module: z.boolean().optional(),
      /** The other children of the call, as far as they begin at this checkpoint. */
      siblings: z.array(
        z.strictObject({ job: z.string(), run_name: z.string(), selection: Selection }),
      ).optional(),
      /** Config keys that the fork request set itself; they win over what the checkpoint holds. */
      overrides: z.array(z.string()).optional(),
    }),
    /** Begin a child as what its parents come to. `origin_step` is their greatest axis step. */
    z.strictObject({
      from: z.literal("merge"),
      checkpoints: z.array(CheckpointReference).min(2),
      /** The nearest checkpoint that all of them came from. */
      ancestor: CheckpointReference.nullable(),
      origin_step: step,
      strategy: z.string(),
      params: z.record(z.string(), z.unknown()),
      optimizer: z.enum(["keep", "fresh"]),
      batch_norm: BatchNormPolicy,
      /** Null: nobody judges it. */
      gate: GateRule.nullable(),
      /** Whether to spend the parents' steps otherwise too, and compare. */
      control: z.boolean(),
      /** Config keys that the request set itself; they win over what the path's checkpoint holds. */
      overrides: z.array(z.string()).optional(),
    }),
  ]),
  /** Of a merge: which of the held-out samples are each parent's own. */
  slices: z.array(z.strictObject({
    job: z.string(),
    selection: Selection,
    /** How many samples the parent's were picked from. */
    picked_from: z.number().int().min(1),
    /** The checkpoint at which they were. */
    origin: CheckpointReference,
  })).optional(),
  /** Whose student the job is, on every attempt of a merge by distillation. */
  distillation: z.strictObject({
    teachers: z.array(CheckpointReference).min(2),
    ancestor: CheckpointReference.nullable(),
    params: z.record(z.string(), z.unknown()),
    gate: GateRule.nullable(),
  }).optional(),
  /** Own axis offset of a child on a later attempt. */
  origin_step: step,
  replay: z.strictObject({ until_step: step, commands: z.array(ReplayCommand) }),
  /** `serve`: answer commands at the checkpoint, train nothing, exit when the line closes. */
  goal: z.enum(["running", "paused", "serve"]),
});
/** The first line on a worker's standard input. */
export type LaunchContext = z.infer<typeof LaunchContext>;
