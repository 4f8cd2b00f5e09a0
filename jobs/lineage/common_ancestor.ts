import type { TrainerEvents } from "../../runtime/protocol/events.ts";
import type { CheckpointRecord } from "../job.ts";
import type { LiveJob } from "../life/live_job.ts";
import type { Origin } from "./origin.ts";

/** Finds a job of the session by its id. */
export type LoadJob = (id: string) => Promise<LiveJob>;

/**
 * The checkpoints from which all of these came, the nearest one first: each lies on the way of
 * every one of them, in its own job or in those it was forked or merged from. A checkpoint lies on
 * its own way.
 */
export async function commonAncestors(
  origins: readonly Origin[],
  load: LoadJob,
): Promise<Origin[]> {
  const [first, ...others] = await Promise.all(origins.map((origin) => wayTo(origin, load)));
  return [...first!]
    .filter(([name]) => others.every((way) => way.has(name)))
    .map(([, origin]) => origin)
    .sort((a, b) => b.record.axis_step - a.record.axis_step || b.record.seq - a.record.seq);
}

/** Names a checkpoint among those of a session. */
export function nameOf({ record: { job, checkpoint } }: Origin): string {
  return `${job}@${checkpoint}`;
}

async function wayTo(origin: Origin, load: LoadJob): Promise<Map<string, Origin>> {
  const way = new Map<string, Origin>();
  const open = [origin];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (way.has(nameOf(next))) continue;
    const { job } = next;
    for (const record of wayWithin(next)) way.set(nameOf({ job, record }), { job, record });
    for (const parent of job.record.manifest.parents) {
      const parentJob = await load(parent);
      const begun = parentJob.record.checkpoints.values()
        .filter(({ pinned_by }) => pinned_by.includes(job.id));
      for (const record of begun) open.push({ job: parentJob, record });
    }
  }
  return way;
}

/** Checkpoints of the job itself on the way to one of its own, through the takes that led there. */
function wayWithin({ job, record }: Origin): CheckpointRecord[] {
  const records = [...job.record.checkpoints.values()];
  const loads = job.deps.log.read(
    { job: job.id, types: ["checkpoint_loaded", "session_reset"] },
    0,
    Number.MAX_SAFE_INTEGER,
  );
  const way: CheckpointRecord[] = [];
  let here = { take: record.take, seq: record.seq, before: Infinity };
  for (;;) {
    const { take, seq, before } = here;
    const own = records.filter((own) => own.take === take && own.seq <= seq && own.step < before);
    way.push(...own);
    if (take === 1) return way;
    const opening = loads.find((event) => event.take === take);
    if (opening === undefined) {
      // It began where a replay came out differently: what lay before that step is common.
      const step = Math.min(...own.map((saved) => saved.step));
      here = { take: take - 1, seq, before: Math.min(before, step) };
      continue;
    }
    if (opening.type === "session_reset") return way;
    const { checkpoint } = JSON.parse(opening.data) as TrainerEvents["checkpoint_loaded"];
    const loaded = records.find((own) => own.checkpoint === checkpoint);
    if (loaded === undefined || loaded.take >= take) return way;
    here = { take: loaded.take, seq: loaded.seq, before: Infinity };
  }
}
