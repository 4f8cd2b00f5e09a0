import type { Callback } from "./callback.ts";
import { Monitor, type MonitorOptions } from "./monitor.ts";

/** Ends training when the figure has not got better for `patience` validations. */
export function earlyStopping(
  { patience = 5, ...options }: MonitorOptions & { patience?: number } = {},
): Callback {
  const monitor = new Monitor(options);
  let waited = 0;
  return {
    onValidation(figures, control) {
      waited = monitor.improves(figures) ? 0 : waited + 1;
      if (waited > patience) control.stop();
    },
    capture: () => ({ best: monitor.best, waited }),
    restore(state) {
      monitor.best = state["best"] ?? null;
      waited = state["waited"] ?? 0;
    },
  };
}
