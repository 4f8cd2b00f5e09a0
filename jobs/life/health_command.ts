import { COMMAND_PAYLOADS } from "../../runtime/protocol/commands.ts";
import { HEALTH_COMMANDS, HealthReport } from "../../runtime/protocol/health.ts";
import type { ControlRequest } from "../control_plane.ts";
import { LIVE } from "../job.ts";
import type { Outcome } from "./control_commands.ts";
import type { LiveJob } from "./live_job.ts";
import { useSideWorker } from "./side_worker.ts";

type HealthRequest = Extract<ControlRequest, { command: "health" }>;

/**
 * Whether a check is made beside the training: a replay would hold it up for as many steps as it
 * trains, so a live job's is made from a checkpoint. All others look at the job where it stands.
 */
export function isBeside(job: LiveJob, { check }: HealthRequest): boolean {
  const rebuilds = job.record.manifest.attached?.rebuilds ?? true;
  return check === "determinism" && LIVE.has(job.state) && rebuilds;
}

/** Makes a health check: at the gate of a live job, from the newest checkpoint of one at rest. */
export async function checkHealth(job: LiveJob, request: HealthRequest): Promise<Outcome> {
  const { check, steps, samples } = request;
  const command = HEALTH_COMMANDS[check];
  const asked = {
    ...(steps === undefined ? {} : { steps }),
    ...(samples === undefined ? {} : { samples }),
  };
  const payload = COMMAND_PAYLOADS[command].parse(asked);
  if (!isBeside(job, request)) {
    const { applied_at_step, epoch, ...report } = await job.withModel((attempt) =>
      attempt.send(command, payload)
    );
    return { applied_at_step, epoch, health: HealthReport.parse(report) };
  }
  return await useSideWorker(job, null, async ({ checkpoint: { checkpoint }, send }) => {
    const { applied_at_step, epoch, ...answer } = await send(command, payload);
    const report = HealthReport.parse(answer);
    // Of what a side worker says only progress and log lines reach the log.
    job.record.append("health", { ...report, step: applied_at_step, epoch });
    return { applied_at_step, epoch, checkpoint, health: report };
  });
}
