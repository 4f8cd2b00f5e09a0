import type { ControlRequest } from "../control_plane.ts";
import type { Outcome } from "./control_commands.ts";
import { JobError } from "../errors.ts";
import type { Receipt } from "../job.ts";
import type { LiveJob } from "./live_job.ts";

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
