import type { EventLog } from "../jobs/events/event_log.ts";
import type { JobManifest } from "../jobs/job.ts";
import { GateResult } from "../runtime/protocol/merge_gate.ts";
import { newestEvents } from "./event_history.ts";

/** What the gate of a merge found, with its table even where the manifest had no room for it. */
export function gateOf(log: EventLog, job: JobManifest): GateResult | null {
  const { gate = null } = job;
  if (gate === null || gate.table !== null) return gate;
  const [event] = newestEvents(log, { job: job.id, types: ["merge_gate"] }, 1);
  if (event === undefined) return gate;
  const told = GateResult.safeParse(JSON.parse(event.data));
  return told.success ? told.data : gate;
}
