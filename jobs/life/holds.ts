/** Checkpoints that something under way still reads. Several may hold the same one at once. */
export class Holds {
  readonly #counts = new Map<number, number>();

  /** How many checkpoints are held. */
  get size(): number {
    return this.#counts.size;
  }

  has(checkpoint: number): boolean {
    return this.#counts.has(checkpoint);
  }

  hold(checkpoint: number): void {
    this.#counts.set(checkpoint, (this.#counts.get(checkpoint) ?? 0) + 1);
  }

  /** Undoes one `hold`. */
  release(checkpoint: number): void {
    const left = (this.#counts.get(checkpoint) ?? 0) - 1;
    if (left > 0) this.#counts.set(checkpoint, left);
    else this.#counts.delete(checkpoint);
  }
}
