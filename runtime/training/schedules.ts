/**
 * Learning rates as a function of the position. The step and the epoch are those of the axis that a
 * child shares with its parents, so that a fork goes on where its parent was.
 */

/** Where a run stands. `baseLr` is the optimizer's learning rate, or what was set live. */
export interface SchedulePosition {
  /** Steps done, from 0. */
  step: number;
  /** Epochs done, from 0. */
  epoch: number;
  baseLr: number;
}

/** Numbers that a schedule must keep from one step to the next. */
export type ScheduleState = Record<string, number | null>;

/** A learning rate schedule. Most are a function of the position alone. */
export interface Schedule {
  /** The learning rate of the next step, at least 0. */
  lrAt(position: SchedulePosition): number;
  /** Told after each validation. */
  onValidation?(loss: number): void;
  /** What {@linkcode Schedule.restore} needs; absent where the position says all. */
  capture?(): ScheduleState;
  restore?(state: ScheduleState): void;
}

/** Counts steps or epochs. */
export type SchedulePer = "step" | "epoch";

const at = ({ step, epoch }: SchedulePosition, per: SchedulePer) => per === "step" ? step : epoch;

/** The base rate, always. */
export function constant(): Schedule {
  return { lrAt: ({ baseLr }) => baseLr };
}

/** Multiplies by `factor` every `every` steps or epochs. */
export function stepDecay(
  { every, factor, per = "epoch" }: { every: number; factor: number; per?: SchedulePer },
): Schedule {
  return {
    lrAt: (position) => position.baseLr * factor ** Math.floor(at(position, per) / every),
  };
}

/** Multiplies by `factor` at each of the milestones. */
export function multiStep(
  { milestones, factor, per = "epoch" }: {
    milestones: readonly number[];
    factor: number;
    per?: SchedulePer;
  },
): Schedule {
  return {
    lrAt: (position) => {
      const passed = milestones.filter((milestone) => at(position, per) >= milestone).length;
      return position.baseLr * factor ** passed;
    },
  };
}

/** Multiplies by `decay` each step or epoch. */
export function exponential(
  { decay, per = "epoch" }: { decay: number; per?: SchedulePer },
): Schedule {
  return { lrAt: (position) => position.baseLr * decay ** at(position, per) };
}

/**
 * Rises linearly over `warmup`, then falls along half a cosine to `minLr` within `period`, and
 * starts over with a period `restartFactor` times as long. Without `restarts` it stays at `minLr`.
 *
 * Source: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts (2017).
 *
 * @throws {RangeError} for a period of no length, or a `restartFactor` below 1.
 */
export function cosine(
  { period, warmup = 0, minLr = 0, restarts = false, restartFactor = 1, per = "step" }: {
    period: number;
    warmup?: number;
    minLr?: number;
    restarts?: boolean;
    restartFactor?: number;
    per?: SchedulePer;
  },
): Schedule {
  // Periods that shrink, or have no length, would be counted for ever.
  if (!(period > 0)) throw new RangeError(`cosine: period: expected above 0, got ${period}`);
  if (!(restartFactor >= 1)) {
    throw new RangeError(`cosine: restartFactor: expected at least 1, got ${restartFactor}`);
  }
  return {
    lrAt: (position) => {
      const { baseLr } = position;
      const count = at(position, per);
      if (count < warmup) return baseLr * (count + 1) / warmup;
      let since = count - warmup;
      let length = period;
      while (restarts && since >= length) {
        since -= length;
        length *= restartFactor;
      }
      const share = Math.min(1, since / length);
      return minLr + (baseLr - minLr) * (1 + Math.cos(Math.PI * share)) / 2;
    },
  };
}

/**
 * Rises from `baseLr / divide` to `baseLr` over the share `rise` of `steps`, then falls to
 * `baseLr / (divide * finalDivide)`, both along half a cosine.
 *
 * Source: Smith and Topin, Super-Convergence (2018).
 */
export function oneCycle(
  { steps, rise = 0.3, divide = 25, finalDivide = 1e4 }: {
    steps: number;
    rise?: number;
    divide?: number;
    finalDivide?: number;
  },
): Schedule {
  const between = (from: number, to: number, share: number) =>
    to + (from - to) * (1 + Math.cos(Math.PI * share)) / 2;
  return {
    lrAt: ({ step, baseLr }) => {
      const top = steps * rise;
      const low = baseLr / divide;
      if (step < top) return between(low, baseLr, step / top);
      const share = Math.min(1, (step - top) / (steps - top));
      return between(baseLr, low / finalDivide, share);
    },
  };
}

/** Multiplies by `factor` when the validation loss has not fallen for `patience` validations. */
export function reduceOnPlateau(
  { factor = 0.1, patience = 10, minDelta = 1e-4, minLr = 0 }: {
    factor?: number;
    patience?: number;
    minDelta?: number;
    minLr?: number;
  } = {},
): Schedule {
  let best: number | null = null;
  let waited = 0;
  let reductions = 0;
  return {
    lrAt: ({ baseLr }) => Math.max(minLr, baseLr * factor ** reductions),
    onValidation(loss) {
      if (best === null || loss < best - minDelta) {
        best = loss;
        waited = 0;
      } else if (++waited > patience) {
        reductions++;
        waited = 0;
      }
    },
    capture: () => ({ best, waited, reductions }),
    restore(state) {
      best = state["best"] ?? null;
      waited = state["waited"] ?? 0;
      reductions = state["reductions"] ?? 0;
    },
  };
}
