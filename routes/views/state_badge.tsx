import type { JobState } from "../../jobs/job.ts";

/** One shape a state, drawn in a 12 by 12 box, so that colour never tells a state alone. */
const SHAPES: Record<JobState, string> = {
  queued: "M6 1.75a4.25 4.25 0 1 0 0 8.5a4.25 4.25 0 1 0 0-8.5zM6 3.5V6l1.8 1.2",
  starting: "M6 1.75A4.25 4.25 0 0 1 10.25 6M6 10.25A4.25 4.25 0 0 1 1.75 6",
  running: "M3.25 2v8l6.5-4z",
  pausing: "M3.75 2.5v7M8.25 2.5v7",
  paused: "M3.75 2.5v7M8.25 2.5v7",
  parked: "M4 10.25v-8.5h2.75a2.25 2.25 0 0 1 0 4.75H4",
  recovering: "M9.6 3.9A4.25 4.25 0 1 0 10.25 6M9.9 1.5v2.6H7.3",
  stopping: "M2.75 2.75h6.5v6.5h-6.5z",
  completed: "M1.75 6.5l3 3l5.5-7",
  stopped: "M2.75 2.75h6.5v6.5h-6.5z",
  failed: "M2.5 2.5l7 7M9.5 2.5l-7 7",
};

/** A state: its shape, its colour and its word. */
export function StateBadge({ state }: { state: JobState }) {
  return (
    <span class={`state state-${state}`}>
      <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        <path d={SHAPES[state]} />
      </svg>
      {state}
    </span>
  );
}
