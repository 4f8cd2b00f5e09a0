// @ts-check

/** The finite losses of a report in order: which share lies where, and which loss a share is. */
export class LossOrder {
  /**
   * @param {(number | null)[]} losses Of the samples that are drawn; null where not finite.
   * @param {number} samples How many the report has.
   */
  constructor(losses, samples) {
    this.sorted = Float64Array.from(losses.filter((loss) => loss !== null)).sort();
    this.drawn = losses.length;
    this.samples = samples;
  }

  /** Whether every sample is here, so that counts are exact. */
  get whole() {
    return this.drawn === this.samples;
  }

  /** How many of those drawn have a loss below this one. @param {number} loss */
  below(loss) {
    let [low, high] = [0, this.sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.sorted[middle] ?? Infinity) < loss) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The share of the samples below a loss, as quantiles count: what is not finite is the last. @param {number} loss */
  share(loss) {
    return this.drawn === 0 ? 0 : this.below(loss) / this.drawn;
  }

  /** The loss at which a share of the samples ends. @param {number} share */
  loss(share) {
    const last = this.sorted.length - 1;
    const at = Math.max(0, Math.min(last, Math.round(share * this.drawn)));
    return this.sorted[at] ?? 0;
  }

  /**
   * How many samples a brush picks: exact for a quantile, and for a region where all are drawn.
   * @param {{ kind: "quantile" | "region", from?: number | undefined, to?: number | undefined }} rule
   */
  count({ kind, from, to }) {
    if (kind === "quantile") {
      return Math.round((to ?? 1) * this.samples) - Math.round((from ?? 0) * this.samples);
    }
    const end = to === undefined ? this.sorted.length : this.below(to);
    const picked = end - (from === undefined ? 0 : this.below(from));
    return Math.round(picked * this.samples / Math.max(1, this.drawn));
  }
}
