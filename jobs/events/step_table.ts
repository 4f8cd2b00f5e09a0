const SMALLEST = 256;
/** `step`, `ts` (ms), `epoch`. */
const FIXED = 3;

/**
 * Figures by step, one typed array a column, ascending by step. A figure that is not there (or was
 * not finite) is NaN.
 */
export class StepTable {
  length = 0;
  steps = new Float64Array(SMALLEST);
  times = new Float64Array(SMALLEST);
  epochs = new Float64Array(SMALLEST);
  readonly columns = new Map<string, Float64Array>();

  get bytes(): number {
    return (FIXED + this.columns.size) * this.steps.byteLength;
  }

  get lastStep(): number | null {
    return this.length === 0 ? null : this.steps[this.length - 1]!;
  }

  /** Adds a row. Rows at this step or beyond it go first: a step is written anew. */
  append(
    row: { step: number; ts: number; epoch: number },
    figures: Record<string, number | null>,
  ): void {
    this.cut(row.step);
    if (this.length === this.steps.length) this.#grow();
    const at = this.length++;
    this.steps[at] = row.step;
    this.times[at] = row.ts;
    this.epochs[at] = row.epoch;
    for (const [name, column] of this.columns) column[at] = figures[name] ?? NaN;
    for (const name in figures) if (!this.columns.has(name)) this.#addColumn(name, figures[name]);
  }

  /** Drops the rows from `step` on. */
  cut(step: number): void {
    if (this.lastStep !== null && this.lastStep >= step) this.length = this.indexOf(step);
  }

  /** Whether a column has a figure in some row. */
  has(name: string): boolean {
    const column = this.columns.get(name);
    for (let at = 0; column && at < this.length; at++) if (!Number.isNaN(column[at]!)) return true;
    return false;
  }

  /** Index of the first row whose step is `step` or more. */
  indexOf(step: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.steps[middle]! >= step) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #addColumn(name: string, last: number | null | undefined): void {
    const column = new Float64Array(this.steps.length).fill(NaN);
    column[this.length - 1] = last ?? NaN;
    this.columns.set(name, column);
  }

  #grow(): void {
    this.steps = doubled(this.steps);
    this.times = doubled(this.times);
    this.epochs = doubled(this.epochs);
    for (const [name, column] of this.columns) this.columns.set(name, doubled(column));
  }
}

function doubled(column: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * column.length);
  larger.set(column);
  return larger;
}
