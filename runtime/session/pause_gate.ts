import { setImmediate } from "node:timers";
import type { TrainerChannel } from "../protocol/channel.ts";

/** How long training may run between two looks at the command line, in ms. */
const LOOK_EVERY_MS = 10;
/**
 * Turns of the event loop in one look at a line that only they bring anything from: a loop that is
 * never idle takes what another thread has read once in some 60 turns.
 */
const TURNS = 16;

/**
 * The batch boundary at which commands take effect. While nothing is asked it costs a look at the
 * line and one at the clock; once in a few milliseconds the event loop gets a turn.
 */
export class PauseGate {
  #lastLook = performance.now();
  readonly #channel: TrainerChannel;
  readonly #drain: () => Promise<void>;
  readonly #looked: (ms: number) => void;

  /**
   * @param drain Carries out every command that has arrived.
   * @param looked Told what each look cost, commands aside.
   */
  constructor(
    channel: TrainerChannel,
    drain: () => Promise<void>,
    looked: (ms: number) => void = () => {},
  ) {
    this.#channel = channel;
    this.#drain = drain;
    this.#looked = looked;
  }

  /** Whether it is time to {@linkcode look}. */
  get due(): boolean {
    return this.#channel.pending || performance.now() - this.#lastLook >= LOOK_EVERY_MS;
  }

  /** Lets commands come in and carries them out. */
  async look(): Promise<void> {
    const began = performance.now();
    await this.breathe();
    this.#looked(performance.now() - began);
    await this.#drain();
    this.#lastLook = performance.now();
  }

  /** Lets commands come in, and events out, for which there may be no room yet, without carrying anything out. */
  async breathe(): Promise<void> {
    this.#channel.flush();
    await this.#channel.room();
    const turns = this.#channel.looks ? 1 : TURNS;
    for (let count = 0; count < turns; count++) await turn();
    this.#lastLook = performance.now();
  }

  /** Holds training, commands still being carried out, for as long as `held` says. */
  async hold(held: () => boolean): Promise<void> {
    while (held() && !this.#channel.ended) {
      await this.#channel.waitForCommand();
      await this.#drain();
    }
    this.#lastLook = performance.now();
  }
}

/** One turn of the event loop: input that is there is read. 4 us, where `setTimeout(0)` takes 2 ms. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
