import type { LoggedEvent } from "../jobs/events/event_log.ts";
import type { JobManifest } from "../jobs/job.ts";
import { hparamsText } from "./views/hparams_text.ts";

/** Something that happened at a step of a job, as its charts mark it. */
export interface Marker {
  kind:
    | "pause"
    | "resume"
    | "checkpoint"
    | "rewind"
    | "hparams"
    | "test"
    | "recovery"
    | "health"
    | "fork"
    | "merge";
  step: number;
  axis_step: number;
  ts: number;
  epoch: number;
  /** What the pointer is told. */
  text: string;
  /** Where a click goes: a tab of the page, or another job. */
  href: string;
  /** Where a test lies on the loss and accuracy charts. */
  loss: number | null;
  accuracy: number | null;
}

/** Types of events that are marked. */
export const MARKED_TYPES = [
  "paused",
  "resumed",
  "checkpoint_saved",
  "checkpoint_loaded",
  "session_reset",
  "hparams_changed",
  "test_complete",
  "auto_test_complete",
  "recovered",
  "health",
] as const;

type Told = Pick<Marker, "kind" | "text" | "href">;

/** Pauses that nobody asked for. */
const PAUSES: Record<string, string> = {
  non_finite: "paused: the loss is not finite",
  test: "paused after the test",
};

/** What each type says; exhaustive, so that a new one asks for words. */
const TELLING: Record<(typeof MARKED_TYPES)[number], (data: Fields) => Told> = {
  paused: (data) => ({
    kind: "pause",
    text: PAUSES[String(data["reason"])] ?? "paused",
    href: "?tab=commands",
  }),
  resumed: () => ({ kind: "resume", text: "resumed", href: "?tab=commands" }),
  checkpoint_saved: (data) => ({
    kind: "checkpoint",
    text: `checkpoint ${number(data, "checkpoint")} (${data["label"] ?? data["reason"]})`,
    href: `?tab=checkpoints#checkpoint-${number(data, "checkpoint")}`,
  }),
  checkpoint_loaded: (data) => ({
    kind: "rewind",
    text: `rewound to checkpoint ${number(data, "checkpoint")}`,
    href: `?tab=checkpoints#checkpoint-${number(data, "checkpoint")}`,
  }),
  session_reset: () => ({ kind: "rewind", text: "reset: begun anew", href: "?tab=commands" }),
  hparams_changed: (data) => ({
    kind: "hparams",
    text: hparamsText(data),
    href: "?tab=commands",
  }),
  test_complete: tested,
  auto_test_complete: tested,
  recovered: (data) => ({
    kind: "recovery",
    text: `recovered, attempt ${number(data, "attempt")}`,
    href: "?tab=log",
  }),
  health: (data) => {
    const [first] = (data["findings"] ?? []) as { figure: string; layer?: string }[];
    const what = first === undefined ? "" : `: ${first.figure} ${first.layer ?? ""}`.trimEnd();
    return {
      kind: "health",
      text: `${data["check"]} ${data["status"]}${what}`,
      href: `?tab=health#health-${data["check"]}`,
    };
  },
};

/** The markers of a job: what its log says, and the jobs that started from it. */
export function markersOf(
  job: JobManifest,
  events: readonly LoggedEvent[],
  family: readonly JobManifest[],
): Marker[] {
  const own = events.flatMap((event) => {
    const data = JSON.parse(event.data) as Fields;
    // That nothing is the matter is nothing to mark.
    if (event.type === "health" && data["status"] === "ok") return [];
    const tell = TELLING[event.type as (typeof MARKED_TYPES)[number]];
    return {
      ...tell(data),
      step: event.step,
      axis_step: job.origin.step + event.step,
      ts: number(data, "ts") ?? 0,
      epoch: number(data, "epoch") ?? 0,
      loss: event.type.endsWith("test_complete") ? number(data, "loss") : null,
      accuracy: event.type.endsWith("test_complete") ? number(data, "accuracy") : null,
    };
  });
  const children = family.filter((relative) => relative.parents.includes(job.id));
  return [...own, ...children.map((child) => childMarker(job, child))];
}

function childMarker(job: JobManifest, child: JobManifest): Marker {
  return {
    kind: child.kind === "merge" ? "merge" : "fork",
    step: Math.max(0, child.origin.step - job.origin.step),
    axis_step: child.origin.step,
    ts: child.created_at,
    epoch: 0,
    text: `${child.kind === "merge" ? "merged into" : "forked"} ${child.run_name}`,
    href: `/jobs/${child.id}`,
    loss: null,
    accuracy: null,
  };
}

function tested(data: Fields): Told {
  const accuracy = number(data, "accuracy");
  const loss = number(data, "loss");
  const figures = [
    loss === null ? null : `loss ${loss.toPrecision(4)}`,
    accuracy === null ? null : `accuracy ${(accuracy * 100).toFixed(1)}%`,
  ].filter((part) => part !== null);
  return {
    kind: "test",
    text: `tested on ${data["split"]}: ${figures.join(", ")}`,
    href: "?tab=commands",
  };
}

type Fields = Record<string, unknown>;

function number(data: Fields, key: string): number | null {
  return typeof data[key] === "number" ? data[key] : null;
}
