import type { ScheduleSpec } from "../protocol/schedule_spec.ts";
import {
  constant,
  cosine,
  exponential,
  multiStep,
  oneCycle,
  reduceOnPlateau,
  type Schedule,
  stepDecay,
} from "./schedules.ts";

/** The schedule that a request named, counting from where the request says it begins. */
export function namedSchedule(spec: ScheduleSpec): Schedule {
  const schedule = byName(spec);
  const { from } = spec;
  if (from === undefined) return schedule;
  return {
    ...schedule,
    lrAt: ({ step, epoch, baseLr }) =>
      schedule.lrAt({
        step: Math.max(0, step - from.step),
        epoch: Math.max(0, epoch - from.epoch),
        baseLr,
      }),
  };
}

function byName(spec: ScheduleSpec): Schedule {
  switch (spec.name) {
    case "constant":
      return constant();
    case "step_decay":
      return stepDecay(spec);
    case "multi_step":
      return multiStep(spec);
    case "exponential":
      return exponential(spec);
    case "cosine":
      return cosine({ ...spec, minLr: spec.min_lr, restartFactor: spec.restart_factor });
    case "one_cycle":
      return oneCycle({ ...spec, finalDivide: spec.final_divide });
    case "reduce_on_plateau":
      return reduceOnPlateau({ ...spec, minDelta: spec.min_delta, minLr: spec.min_lr });
  }
}
