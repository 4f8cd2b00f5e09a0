import type { JobManifest } from "../../jobs/job.ts";
import { decimal, whole } from "../../static/figures.js";
import { selectionText } from "../../static/selection_text.js";

/** What a job trains on, or what it was made of: `hardest 8 · 8 samples`, `merge by fisher`. */
export function startText(job: JobManifest): string {
  const count = job.selected ?? job.dataset?.train;
  const samples = count === undefined ? null : `${whole(count)} samples`;
  return [ruleText(job), samples].filter((part) => part !== null).join(" · ");
}

/** Which samples a job trains on, or how it was merged. */
export function ruleText({ kind, spawn }: JobManifest): string {
  if (spawn?.kind === "fork") return selectionText(spawn.selection);
  if (spawn?.kind === "merge") return `merge by ${spawn.strategy}`;
  return kind === "attached" ? "script" : "all";
}

/** What the gate of a merge found: `gate: accepted, +0.012 accuracy`; null without one. */
export function gateText({ gate }: JobManifest): string | null {
  if (gate === undefined) return null;
  const found = gate.accepted === "inconclusive"
    ? "inconclusive"
    : gate.accepted
    ? "accepted"
    : "not accepted";
  const by = gate.advantage === null ? "" : `, ${signed(gate.advantage.mean)} ${gate.metric}`;
  return `gate: ${found}${by}`;
}

function signed(value: number): string {
  return `${value > 0 ? "+" : value < 0 ? "−" : "±"}${decimal(Math.abs(value))}`;
}
