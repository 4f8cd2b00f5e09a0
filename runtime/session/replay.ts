import type { LaunchContext, ReplayCommand } from "../protocol/commands.ts";

/**
 * The part of a run that the log already has: after a crash it is trained again, with the logged
 * commands applied at the steps where they were applied, until the run is where it was.
 */
export class Replay {
  readonly #untilStep: number;
  readonly #commands: ReplayCommand[];

  constructor(replay: LaunchContext["replay"]) {
    this.#untilStep = replay.until_step;
    this.#commands = [...replay.commands];
  }

  /** Whether a run at this step is still behind the log. */
  active(step: number): boolean {
    return this.#commands.length > 0 || step < this.#untilStep;
  }

  /** The commands due now, in order. `step` is asked again after each: a rewind moves it. */
  *due(step: () => number): Generator<ReplayCommand> {
    for (let next = this.#commands[0]; next?.applied_at_step === step(); next = this.#commands[0]) {
      // Until it has been carried out the run is still behind the log.
      yield next;
      this.#commands.shift();
    }
  }
}
