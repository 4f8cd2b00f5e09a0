import type { Callback } from "./callback.ts";
import { Monitor, type MonitorOptions } from "./monitor.ts";

/** Keeps the checkpoint of the best validation so far, under a label. */
export function bestCheckpoint(
  { label = "best", ...options }: MonitorOptions & { label?: string } = {},
): Callback {
  const monitor = new Monitor(options);
  return {
    async onValidation(figures, control) {
      if (monitor.improves(figures)) await control.save(label);
    },
    capture: () => ({ best: monitor.best }),
    restore(state) {
      monitor.best = state["best"] ?? null;
    },
  };
}
