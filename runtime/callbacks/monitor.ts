import { directionByName } from "../metrics/direction.ts";
import type { CallbackFigures } from "./callback.ts";

/** What a callback watches: a figure of validation, or one of the module's metrics by name. */
export interface MonitorOptions {
  /** `valLoss`, `valAccuracy`, or the name of a metric. Never a figure of the test split. */
  monitor?: string;
  /** Whether less or more is better; by the name where nothing is said. */
  mode?: "min" | "max";
  /** How much better counts as better. */
  minDelta?: number;
}

/** Remembers the best value of one figure. */
export class Monitor {
  best: number | null = null;
  readonly #name: string;
  readonly #sign: number;
  readonly #minDelta: number;

  constructor({ monitor = "valLoss", mode, minDelta = 0 }: MonitorOptions) {
    this.#name = monitor;
    this.#sign = (mode ?? directionByName(monitor)) === "min" ? 1 : -1;
    this.#minDelta = minDelta;
  }

  /**
   * Whether these figures are the best so far; remembers them if so.
   *
   * @throws {Error} when there is no such figure.
   */
  improves(figures: CallbackFigures): boolean {
    const { valLoss, valAccuracy, metrics } = figures;
    const known: Record<string, number | null> = { ...metrics, valLoss, valAccuracy };
    const value = known[this.#name];
    if (value === undefined) {
      throw new Error(
        `there is no figure ${this.#name}; there are ${Object.keys(known).join(", ")}`,
      );
    }
    if (value === null) return false;
    if (this.best !== null && this.#sign * (this.best - value) <= this.#minDelta) return false;
    this.best = value;
    return true;
  }
}
