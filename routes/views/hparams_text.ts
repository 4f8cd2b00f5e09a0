import type { HparamsChange } from "../../runtime/protocol/hparams.ts";
import { brief, changeText } from "../../static/figures.js";

/** `lr 0.1 → 0.01` of an `hparams_changed`; earlier releases did not say what changed. */
export function hparamsText(event: Record<string, unknown>): string {
  const changed = changeText((event["changed"] ?? {}) as HparamsChange);
  return changed || `learning rate ${brief(event["lr"])}`;
}
