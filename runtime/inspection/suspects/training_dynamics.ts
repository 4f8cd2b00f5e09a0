import { robustBound } from "./robust_bound.ts";

/** Fewest scans that say how a sample was learned. */
export const FEWEST_SCANS = 3;

/** A label that training had to be forced into. */
export interface DynamicsIssue {
  /** Place of the sample. */
  row: number;
  /** The mean margin, negated. */
  score: number;
  /** Mean over the scans of the probability of the label less the largest other. */
  mean_margin: number;
  /** Deviation of the margin over the scans. */
  variability: number;
}

/** What margins over training say of labels. */
export interface DynamicsIssues {
  /** Most suspect first. */
  issues: DynamicsIssue[];
  /** Mean margins below it are far out. */
  bound: number | null;
}

/**
 * Labels that a model in training kept preferring another to: the area under the margin, G. Pleiss et
 * al., "Identifying Mislabeled Data using the Area Under the Margin Ranking" (2020), over scans in
 * place of epochs and of probabilities in place of logits. Theirs is cut at what samples of an added
 * class reach; without one it is cut here below zero and 3.5 robust deviations below the median. The
 * deviation is the variability of S. Swayamdipta et al., "Dataset Cartography" (2020), where wrong
 * labels lie among low confidence with low variability.
 *
 * @param margins One list a scan, of equal lengths; samples that are ever not finite are passed over.
 * @throws {RangeError} for fewer than three scans.
 */
export function dynamicsIssues(margins: readonly Float32Array[]): DynamicsIssues {
  if (margins.length < FEWEST_SCANS) {
    throw new RangeError(`dynamics of ${margins.length} scans; they take ${FEWEST_SCANS}`);
  }
  const count = margins[0]!.length;
  const means = new Float32Array(count);
  for (let row = 0; row < count; row++) {
    means[row] = margins.reduce((sum, scan) => sum + scan[row]!, 0) / margins.length;
  }
  const bulk = robustBound(means);
  if (bulk === null) return { issues: [], bound: null };
  const bound = Math.min(0, bulk.low);
  const issues: DynamicsIssue[] = [];
  means.forEach((mean, row) => {
    if (!(mean < bound)) return;
    const squares = margins.reduce((sum, scan) => sum + (scan[row]! - mean) ** 2, 0);
    const variability = Math.sqrt(squares / margins.length);
    issues.push({ row, score: -mean, mean_margin: mean, variability });
  });
  issues.sort((a, b) => b.score - a.score || a.row - b.row);
  return { issues, bound };
}
