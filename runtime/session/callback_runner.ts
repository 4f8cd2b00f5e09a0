import type {
  Callback,
  CallbackControl,
  CallbackFigures,
  CallbackMoment,
} from "../callbacks/callback.ts";
import { PhaseError } from "./phase_error.ts";

/** Runs a job's callbacks at the points of training, one after another. */
export class CallbackRunner {
  /** A callback asked for the end of training. */
  stopped = false;
  readonly #callbacks: readonly Callback[];
  readonly #figures: () => CallbackFigures;
  readonly #control: CallbackControl;

  /**
   * @param figures The figures as they stand.
   * @param save Saves a checkpoint under a label.
   */
  constructor(
    callbacks: readonly Callback[],
    figures: () => CallbackFigures,
    save: CallbackControl["save"],
  ) {
    this.#callbacks = callbacks;
    this.#figures = figures;
    this.#control = { save, stop: () => this.stopped = true };
  }

  /** @throws {PhaseError} when a callback throws. */
  async run(moment: CallbackMoment): Promise<void> {
    for (const callback of this.#callbacks) {
      await PhaseError.in(
        `callback ${moment}`,
        () => callback[moment]?.(this.#figures(), this.#control),
      );
    }
  }
}
