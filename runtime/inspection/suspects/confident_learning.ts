/** Probabilities of classes, sample after sample: `values` is [count, classes]. */
export interface Probabilities {
  count: number;
  classes: number;
  values: Float32Array;
}

/** A label that is probably wrong. */
export interface LabelIssue {
  /** Place of the sample. */
  row: number;
  /** Probability of the likely label less that of the given one, in (0, 1]. */
  score: number;
  given: number;
  likely: number;
  given_probability: number;
  likely_probability: number;
}

/** What labels and probabilities that know nothing of each other say. */
export interface LabelIssues {
  /** Most suspect first. */
  issues: LabelIssue[];
  /** Mean probability of each class over the samples that bear it; NaN where none does. */
  thresholds: Float64Array;
}

/**
 * Labels that out-of-sample probabilities contradict: confident learning, C. Northcutt, L. Jiang and
 * I. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels" (2021), section 3.1. A
 * sample counts as class j where its probability of j reaches what samples labelled j have on average,
 * the most probable of such j; off the diagonal of that count its label is suspect. Of those we keep
 * the ones whose own label is also the less probable of the two.
 *
 * @param probabilities Of models that were not trained on the samples they judge; NaN rows are passed over.
 * @param label One a sample, in [0, classes).
 */
export function labelIssues(
  { count, classes, values }: Probabilities,
  label: Int32Array,
): LabelIssues {
  const thresholds = selfConfidence({ count, classes, values }, label);
  const issues: LabelIssue[] = [];
  for (let row = 0; row < count; row++) {
    const given = label[row]!;
    const own = values[row * classes + given]!;
    let [likely, most] = [-1, -Infinity];
    for (let at = 0; at < classes; at++) {
      const probability = values[row * classes + at]!;
      if (probability >= thresholds[at]! && probability > most) [likely, most] = [at, probability];
    }
    if (likely < 0 || likely === given || !(most > own)) continue;
    issues.push({
      row,
      score: most - own,
      given,
      likely,
      given_probability: own,
      likely_probability: most,
    });
  }
  issues.sort((a, b) => b.score - a.score || a.row - b.row);
  return { issues, thresholds };
}

function selfConfidence(
  { count, classes, values }: Probabilities,
  label: Int32Array,
): Float64Array {
  const sums = new Float64Array(classes);
  const members = new Float64Array(classes);
  for (let row = 0; row < count; row++) {
    const own = values[row * classes + label[row]!]!;
    if (!Number.isFinite(own)) continue;
    sums[label[row]!]! += own;
    members[label[row]!]!++;
  }
  return sums.map((sum, at) => sum / members[at]!);
}
