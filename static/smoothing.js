// @ts-check

/**
 * Exponential moving average without the pull of its start: each value is divided by the weight
 * that was given so far (the correction of Adam's moments). Gaps stay gaps.
 * @param {(number | null)[]} values
 * @param {number} weight In [0, 1): how much of the past is kept.
 * @returns {(number | null)[]}
 */
export function smooth(values, weight) {
  let average = 0;
  let given = 0;
  return values.map((value) => {
    if (value === null) return null;
    average = average * weight + value * (1 - weight);
    given = given * weight + (1 - weight);
    return average / given;
  });
}
