/**
 * P-values adjusted so that rejecting those below a level makes any false rejection no likelier than
 * that level, whatever they have to do with each other: S. Holm, "A Simple Sequentially Rejective
 * Multiple Test Procedure" (1979).
 */
export function holmAdjusted(pValues: readonly number[]): number[] {
  const order = [...pValues.keys()].sort((a, b) => pValues[a]! - pValues[b]!);
  const adjusted = new Array<number>(pValues.length);
  let least = 0;
  order.forEach((at, rank) => {
    least = Math.min(1, Math.max(least, pValues[at]! * (pValues.length - rank)));
    adjusted[at] = least;
  });
  return adjusted;
}
