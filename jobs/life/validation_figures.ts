import type { TrainerEvents } from "../../runtime/protocol/events.ts";
import type { ValidationFigure } from "../job.ts";

type Figures = Record<string, ValidationFigure>;

/** Names kept at most: a manifest is one record, which has to stay small. */
const MOST = 24;

/** Which way the figures that every job has get better. */
const OWN = {
  val_loss: "min",
  val_accuracy: "max",
  val_slice_loss: "min",
  val_slice_accuracy: "max",
} as const;

/** The newest and the best of each figure after one more validation. */
export function foldValidation(
  before: Figures,
  { step, val_loss, val_accuracy, metrics, directions = {}, val_slice }:
    TrainerEvents["validation"],
): Figures {
  const figures: Record<string, number | null> = {
    ...metrics,
    val_loss,
    val_accuracy,
    ...val_slice && { val_slice_loss: val_slice.loss, val_slice_accuracy: val_slice.accuracy },
  };
  const known = { ...OWN, ...directions };
  const after = Object.entries(known)
    .filter(([name]) => before[name] !== undefined || (figures[name] ?? null) !== null)
    .slice(0, MOST)
    .map(([name, direction]) => {
      const last = figures[name] ?? null;
      const { best = null, best_step = null } = before[name] ?? {};
      const better = last !== null &&
        (best === null || (direction === "min" ? last < best : last > best));
      const top = better ? { best: last, best_step: step } : { best, best_step };
      return [name, { last, ...top, direction }] as const;
    });
  return { ...before, ...Object.fromEntries(after) };
}

/** What a new take forgets: the best at steps that are no longer the run's. */
export function forgetBeyond(figures: Figures, step: number): Figures {
  return Object.fromEntries(
    Object.entries(figures).map(([name, figure]) => [
      name,
      (figure.best_step ?? 0) > step ? { ...figure, best: null, best_step: null } : figure,
    ]),
  );
}
