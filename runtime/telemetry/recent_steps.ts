/** Where one step's time went, and what it left in memory. Times are in ms. */
export interface StepTiming {
  samples: number;
  /** Waiting for the batch. */
  data: number;
  /** Forward, backward, update. */
  compute: number;
  /** Metrics, events, callbacks, validation, checkpoints. */
  after: number;
  /** The pause gate before the step, less the time that a command held it. */
  gate: number;
  /** Tensors alive after the step. */
  tensors: number;
}

const FIELDS = ["samples", "data", "compute", "after", "gate", "tensors"] as const;
const KEPT = 512;

/**
 * The newest steps of a worker, by what they cost. It is no part of the run's state: a worker begins
 * with none. Numbers in one array, so that a step allocates nothing.
 */
export class RecentSteps {
  readonly #rows = new Float64Array(KEPT * FIELDS.length);
  #count = 0;

  /** How many steps are kept. */
  get length(): number {
    return Math.min(this.#count, KEPT);
  }

  add(timing: StepTiming): void {
    const row = (this.#count++ % KEPT) * FIELDS.length;
    for (let at = 0; at < FIELDS.length; at++) this.#rows[row + at] = timing[FIELDS[at]!];
  }

  /** Adds to the newest step what is known only after it. */
  amend(field: "after" | "gate", ms: number): void {
    if (this.#count === 0) return;
    const row = ((this.#count - 1) % KEPT) * FIELDS.length;
    this.#rows[row + FIELDS.indexOf(field)]! += ms;
  }

  /**
   * The newest `count` steps, oldest first.
   *
   * @param warmUp How many of the worker's very first steps are left out.
   */
  last(count: number, warmUp = 0): StepTiming[] {
    const oldest = Math.max(this.#count - this.length, Math.min(warmUp, this.#count));
    const from = Math.max(this.#count - count, oldest);
    return Array.from({ length: this.#count - from }, (_, offset) => {
      const row = ((from + offset) % KEPT) * FIELDS.length;
      const values = FIELDS.map((field, at) => [field, this.#rows[row + at]!]);
      return Object.fromEntries(values) as StepTiming;
    });
  }
}
