import type { Applied, CommandName } from "../../runtime/protocol/commands.ts";
import { certify } from "../certificate/certificate.ts";
import { assertAllowed } from "./assert_allowed.ts";
import type { Attempt } from "./attempt.ts";
import { raisedBudget } from "./budget.ts";
import type { ControlRequest } from "../control_plane.ts";
import { CommandFailedError, NotFoundError } from "../errors.ts";
import { type CheckpointRecord, ENDED, LIVE } from "../job.ts";
import { changeConfig, checkHparams, hparamsOf, refusedHparam } from "./hparams.ts";
import { checkHealth, isBeside } from "./health_command.ts";
import { checkExport, exportSamples } from "../inspection/export_command.ts";
import { checkSelect, select } from "../inspection/select_command.ts";
import { checkReport, report } from "../inspection/report_command.ts";
import { checkSuspects, suspects } from "../inspection/suspects_command.ts";
import type { LiveJob } from "./live_job.ts";
import { reset } from "./reset.ts";

/** What a control call answers beside its receipt. */
export type Outcome = { applied_at_step: number } & Record<string, unknown>;

/** A control call; with the id of its receipt, which the command that it sends bears in the log. */
export type ControlCall<C extends ControlRequest["command"] = ControlRequest["command"]> =
  & Extract<ControlRequest, { command: C }>
  & { id?: string };

interface Control<C extends ControlRequest["command"]> {
  /** Throws what can be known before anything is done. Asked again when its turn comes. */
  check(job: LiveJob, request: ControlCall<C>): void;
  /** @param signal Aborts when somebody cancels it; only what is `BESIDE` looks. */
  run(job: LiveJob, request: ControlCall<C>, signal?: AbortSignal): Promise<Outcome>;
}

/** How each control call is carried out. */
const CONTROLS: { readonly [C in ControlRequest["command"]]: Control<C> } = {
  pause: {
    check: (job) => assertAllowed(job, "pause"),
    run: pause,
  },
  resume: {
    check: (job, request) => {
      assertAllowed(job, "resume");
      raisedBudget(job.record.manifest, request);
    },
    run: resume,
  },
  stop: {
    check: (job) => assertAllowed(job, "stop"),
    run: stop,
  },
  test: {
    check: (job) => assertAllowed(job, "test"),
    run: (job, { split, label, id }) =>
      job.withModel((attempt) => send(attempt, "test", { split, ...labelled(label) }, id)),
  },
  checkpoint: {
    check: (job) => assertAllowed(job, "checkpoint"),
    run: (job, { label, id }) =>
      job.withModel((attempt) =>
        send(attempt, "save_ckpt", { reason: "explicit", ...labelled(label) }, id)
      ),
  },
  rewind: {
    check: (job, { checkpoint }) => {
      assertAllowed(job, "rewind");
      checkpointOrThrow(job, checkpoint);
    },
    run: rewind,
  },
  reset: {
    check: (job) => assertAllowed(job, "reset"),
    run: reset,
  },
  certificate: {
    check: (job) => assertAllowed(job, "certificate"),
    run: certify,
  },
  hparams: {
    check: (job, request) => {
      assertAllowed(job, "hparams");
      checkHparams(job.record.manifest, request);
    },
    run: setHparams,
  },
  health: {
    check: (job) => assertAllowed(job, "health"),
    run: checkHealth,
  },
  export: {
    check: checkExport,
    run: exportSamples,
  },
  selection: {
    check: checkSelect,
    run: select,
  },
  report: {
    check: checkReport,
    run: report,
  },
  suspects: {
    check: checkSuspects,
    run: suspects,
  },
};

/** Looks at a job that goes on: it takes no turn among the commands, and can be cancelled. */
export const BESIDE: ReadonlySet<ControlRequest["command"]> = new Set([
  "report",
  "suspects",
  "selection",
  "export",
  "certificate",
]);

/** @throws {StateConflictError} and what else can be known of a control call at once. */
export function checkControl(job: LiveJob, request: ControlRequest): void {
  controlOf(request).check(job, request);
}

/** Carries a control call out: in its turn, but for a stop, and for what needs no turn. */
export function runControl(
  job: LiveJob,
  request: ControlCall,
  signal?: AbortSignal,
): Promise<Outcome> {
  const control = controlOf(request);
  const run = async () => {
    control.check(job, request);
    return await control.run(job, request, signal);
  };
  const aside = request.command === "health" && isBeside(job, request);
  return request.command === "stop" || aside || BESIDE.has(request.command)
    ? run()
    : job.enqueue(run);
}

/** @throws {NotFoundError} when the job has no such checkpoint, or has dropped it. */
export function checkpointOrThrow(job: LiveJob, checkpoint: number): CheckpointRecord {
  const record = job.record.checkpoints.get(checkpoint);
  if (record === undefined) throw new NotFoundError("checkpoint", `${checkpoint} of ${job.id}`);
  return record;
}

/** The refusal of a checkpoint whose file is gone, or is not what was saved. */
export function damaged({ job, checkpoint }: CheckpointRecord): CommandFailedError {
  const message = `the file of checkpoint ${checkpoint} of ${job} is damaged; take another one`;
  return new CommandFailedError("checkpoint_damaged", message);
}

function controlOf(request: ControlRequest): Control<ControlRequest["command"]> {
  return CONTROLS[request.command] as Control<ControlRequest["command"]>;
}

/** Holds a job's training; with `release` its worker is let go. */
export async function pause(job: LiveJob, request: ControlCall<"pause">): Promise<Outcome> {
  if (job.state === "queued" || (job.state === "recovering" && job.attempt === null)) {
    job.training.withdraw();
    job.goTo("parked", "paused before its worker began", { goal: "parked" });
  }
  if (job.state === "parked") return here(job);
  const attempt = await job.trainingWorker();
  if (attempt === null) return again(job, request);
  if (job.state !== "paused") {
    job.goTo("pausing", null, { goal: request.release ? "parked" : "paused" });
    try {
      await send(attempt, "pause", {}, request.id);
    } catch (error) {
      if (!await job.lost(attempt, error)) {
        if (job.state === "pausing") job.goTo("running", "pause refused", { goal: "running" });
        throw error;
      }
    }
    await job.until(() => job.state === "paused" || !LIVE.has(job.state) || undefined);
  }
  if (request.release) await job.park("released");
  return ["paused", "parked"].includes(job.state) ? here(job) : again(job, request);
}

async function resume(job: LiveJob, request: ControlCall<"resume">): Promise<Outcome> {
  const budget = raisedBudget(job.record.manifest, request);
  const raises = Object.keys(budget).length > 0;
  if (!LIVE.has(job.state)) {
    if (raises) job.record.append("config_changed", { config: { ...budget } });
    job.goTo("queued", "resumed", { goal: "running" });
    job.requestWorker();
    return here(job);
  }
  const attempt = await job.trainingWorker();
  if (attempt === null) return again(job, request);
  if (job.record.manifest.goal === "running" && !raises) return here(job);
  return await sendOrAgain(job, request, attempt, "resume", budget);
}

async function stop(job: LiveJob): Promise<Outcome> {
  if (job.state === "queued" || job.state === "parked" || job.state === "recovering") {
    job.training.withdraw();
    job.goTo("stopped", "stopped", { goal: "stopped" });
    return here(job);
  }
  if (job.state !== "stopping") {
    job.goTo("stopping", null, { goal: "stopped" });
    job.enforceStop();
  }
  await job.until(() => job.closing || !LIVE.has(job.state) || undefined);
  return { ...here(job), state: job.state };
}

async function rewind(job: LiveJob, request: ControlCall<"rewind">): Promise<Outcome> {
  const { checkpoint } = request;
  const record = checkpointOrThrow(job, checkpoint);
  job.held.hold(checkpoint);
  try {
    if (!await job.deps.artifacts.verify(record)) {
      throw damaged(record);
    }
    if (LIVE.has(job.state)) {
      const attempt = await job.trainingWorker();
      if (attempt === null) return again(job, request);
      const path = job.deps.artifacts.resolve(record.job, record.path);
      const load = { checkpoint, path, sha256: record.sha256 };
      return await sendOrAgain(job, request, attempt, "load_ckpt", load);
    }
    return rewindAtRest(job, record);
  } finally {
    job.held.release(checkpoint);
  }
}

/**
 * Without a training worker a rewind is a fact of the log alone: the next worker starts from the
 * checkpoint that was loaded last.
 */
function rewindAtRest(job: LiveJob, { checkpoint, step, epoch }: CheckpointRecord): Outcome {
  const { take, step: before, epoch: epochBefore } = job.record.manifest;
  job.record.append("command_applied", {
    command_id: null,
    command: "load_ckpt",
    payload: { checkpoint },
    applied_at_step: before,
    epoch: epochBefore,
  });
  job.record.append("checkpoint_loaded", { checkpoint, step, epoch }, { take: take + 1, step });
  if (ENDED.has(job.state)) job.goTo("parked", "rewound", { goal: "parked" });
  return { applied_at_step: before, epoch, checkpoint, step };
}

async function setHparams(job: LiveJob, request: ControlCall<"hparams">): Promise<Outcome> {
  const hparams = hparamsOf(request);
  if (!LIVE.has(job.state) && job.record.checkpoints.size === 0) {
    return { ...here(job), ...changeConfig(job, hparams) };
  }
  try {
    return await job.withModel((attempt) => send(attempt, "set_hparams", hparams, request.id));
  } catch (error) {
    throw refusedHparam(error);
  }
}

async function send<C extends CommandName>(
  attempt: Attempt,
  command: C,
  payload: Parameters<typeof attempt.send<C>>[1],
  id: string | undefined,
): Promise<Outcome> {
  const applied: Applied = await attempt.send(command, payload, id);
  return { ...applied };
}

/** Sends a command that another worker may be given again: whatever a dead one did of it stands. */
export async function sendOrAgain<C extends CommandName>(
  job: LiveJob,
  request: ControlCall,
  attempt: Attempt,
  command: C,
  payload: Parameters<typeof attempt.send<C>>[1],
): Promise<Outcome> {
  try {
    return await send(attempt, command, payload, request.id);
  } catch (error) {
    if (!await job.lost(attempt, error)) throw error;
    return await again(job, request);
  }
}

/** Its turn came when the job had just gone to another state: judged anew there. */
function again(job: LiveJob, request: ControlCall): Promise<Outcome> {
  const control = controlOf(request);
  control.check(job, request);
  return control.run(job, request);
}

/** Applied where the job stands, with the checkpoint of that very step if there is one. */
export function here(job: LiveJob): Outcome {
  const { step, epoch, take } = job.record.manifest;
  const newest = job.record.checkpoints.values()
    .filter((record) => record.step === step && record.take === take)
    .reduce<number | null>((number, record) => Math.max(number ?? 0, record.checkpoint), null);
  return { applied_at_step: step, epoch, checkpoint: newest };
}

function labelled(label: string | undefined): { label?: string } {
  return label === undefined ? {} : { label };
}
