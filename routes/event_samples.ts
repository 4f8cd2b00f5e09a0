import type { LoggedEvent } from "../jobs/events/event_log.ts";
import { eventFrame, type Frames } from "./event_frames.ts";

/** trainSteps of one job that became one frame. */
interface Bucket {
  newest: LoggedEvent;
  fields: Record<string, unknown>;
  steps: number;
  min: number | null;
  max: number | null;
}

/**
 * A page of events with runs of trainSteps collapsed: one frame a job, the newest step with
 * `sampled: {steps, loss_min, loss_max}` of those it stands for. Any other event stays what and
 * where it is, so ids rise.
 */
export function sampleFrames(
  logId: string,
  page: { events: LoggedEvent[]; after: number; more: boolean },
): Frames {
  const buckets = new Map<string, Bucket>();
  let text = "";
  const flush = () => {
    const ordered = [...buckets.values()].sort((a, b) => a.newest.seq - b.newest.seq);
    for (const bucket of ordered) text += eventFrame(logId, bucketEvent(bucket));
    buckets.clear();
  };
  for (const event of page.events) {
    if (event.type === "trainStep") {
      buckets.set(event.job, widen(buckets.get(event.job), event));
    } else {
      flush();
      text += eventFrame(logId, event);
    }
  }
  flush();
  const bytes = text === "" ? null : new TextEncoder().encode(text);
  return { bytes, after: page.after, more: page.more };
}

function widen(bucket: Bucket | undefined, event: LoggedEvent): Bucket {
  const fields = JSON.parse(event.data) as Record<string, unknown>;
  const loss = typeof fields["loss"] === "number" ? fields["loss"] : null;
  return {
    newest: event,
    fields,
    steps: (bucket?.steps ?? 0) + 1,
    min: extreme(Math.min, bucket?.min ?? null, loss),
    max: extreme(Math.max, bucket?.max ?? null, loss),
  };
}

function extreme(
  pick: (a: number, b: number) => number,
  a: number | null,
  b: number | null,
): number | null {
  if (a === null) return b;
  return b === null ? a : pick(a, b);
}

function bucketEvent({ newest, fields, steps, min, max }: Bucket): LoggedEvent {
  const sampled = { steps, loss_min: min, loss_max: max };
  return { ...newest, data: JSON.stringify({ ...fields, sampled }) };
}
