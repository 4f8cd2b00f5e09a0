import type { ControlRequest } from "../control_plane.ts";
import type { Outcome } from "./control_commands.ts";
import { JobError } from "../errors.ts";
import type { EventLog, LoggedEvent } from "../events/event_log.ts";
import type { Receipt } from "../job.ts";
import type { LiveJob } from "./live_job.ts";

/** Calls that have taken effect in full once their `command_applied` is in the log. */
const PROVEN: ReadonlySet<string> = new Set<ControlRequest["command"]>([
  "pause",
  "resume",
  "rewind",
  "hparams",
]);

/** Events that are read at once. */
const PAGE = 1_000;

/** Characters of a payload that a receipt repeats: KV's values are small, index lists are not. */
const PAYLOAD_TEXT = 16_000;

/** The receipt of a control call that was just taken. */
export function pendingReceipt(
  job: LiveJob,
  commandId: string,
  request: ControlRequest,
  actor: string,
): Receipt {
  const { command, ...payload } = request;
  const isLong = JSON.stringify(payload).length > PAYLOAD_TEXT;
  return {
    command_id: commandId,
    command,
    job: job.id,
    status: "pending",
    requested_at_step: job.record.manifest.step,
    applied_at_step: null,
    requested_at: job.deps.clock(),
    actor,
    payload: isLong ? {} : payload,
  };
}

/** The receipt once the call took effect, with what it answered. */
export function appliedReceipt(receipt: Receipt, outcome: Outcome): Receipt {
  const { applied_at_step, ...data } = outcome;
  return { ...data, ...receipt, status: "applied", applied_at_step };
}

/** The receipt of a call that could not be carried out, with why. */
export function failedReceipt(receipt: Receipt, error: unknown): Receipt {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const type = error instanceof JobError ? name : "Error";
  return { ...receipt, status: "failed", error: { type, message } };
}

/** Whether the newest command in the job's log is this call: the log alone proves it then. */
export function isInLog(log: EventLog, { job, command, command_id }: Receipt): boolean {
  if (!PROVEN.has(command)) return false;
  const newest = log.newest(job, ["command_applied"]);
  return newest !== null && commandOf(newest).command_id === command_id;
}

/** The receipt of a call that a server did not live to store, where the log proves it; else null. */
export function receiptFromLog(log: EventLog, receipt: Receipt): Receipt | null {
  if (!PROVEN.has(receipt.command)) return null;
  const filter = { job: receipt.job, types: ["command_applied"] };
  for (let after = 0, page: LoggedEvent[];; after = page.at(-1)!.seq) {
    page = log.read(filter, after, PAGE);
    const found = page.map(commandOf).find(({ command_id }) => command_id === receipt.command_id);
    if (found !== undefined) {
      return appliedReceipt(receipt, {
        applied_at_step: found.applied_at_step,
        epoch: found.epoch,
      });
    }
    if (page.length < PAGE) return null;
  }
}

interface AppliedCommand {
  command_id: string | null;
  applied_at_step: number;
  epoch: number;
}

function commandOf({ data }: LoggedEvent): AppliedCommand {
  return JSON.parse(data) as AppliedCommand;
}
