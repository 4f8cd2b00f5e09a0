// @ts-check
/** @typedef {import("./metric_data.js").Columns} Columns */
/** @typedef {"step" | "axis" | "epoch" | "time"} AxisKind */

/** What an axis needs to know of the job. @typedef {{ originStep: number, stepsPerEpoch: number | null }} AxisFacts */

/** @type {Record<AxisKind, string>} */
export const AXIS_NAMES = { step: "step", axis: "axis step", epoch: "epoch", time: "time" };

/**
 * The place of each point of a series on the chosen axis.
 * @param {Columns} columns @param {AxisKind} kind @param {AxisFacts} facts
 * @returns {number[]}
 */
export function positions(columns, kind, { stepsPerEpoch }) {
  if (kind === "step") return columns.step;
  if (kind === "axis") return columns.axis;
  if (kind === "time") return columns.ts.map((ts) => ts / 1000);
  return stepsPerEpoch === null ? columns.epoch : columns.step.map((step) => step / stepsPerEpoch);
}

/**
 * The place of a marker on the chosen axis.
 * @param {{ step: number, axis_step: number, ts: number, epoch: number }} marker
 * @param {AxisKind} kind @param {AxisFacts} facts
 */
export function position(marker, kind, { stepsPerEpoch }) {
  if (kind === "step") return marker.step;
  if (kind === "axis") return marker.axis_step;
  if (kind === "time") return marker.ts / 1000;
  return stepsPerEpoch === null ? marker.epoch : marker.step / stepsPerEpoch;
}

/**
 * The steps that a stretch of the axis holds.
 * @param {number} low @param {number} high @param {AxisKind} kind @param {AxisFacts} facts
 * @param {Columns | undefined} columns The series that the stretch was chosen on.
 * @returns {{ from: number, to: number } | null} Null when it holds none.
 */
export function stepsWithin(low, high, kind, facts, columns) {
  const whole = (/** @type {number} */ from, /** @type {number} */ to) => {
    const range = { from: Math.max(0, Math.ceil(from)), to: Math.floor(to) };
    return range.from <= range.to ? range : null;
  };
  if (kind === "step") return whole(low, high);
  if (kind === "axis") return whole(low - facts.originStep, high - facts.originStep);
  if (kind === "epoch" && facts.stepsPerEpoch !== null) {
    return whole(low * facts.stepsPerEpoch, high * facts.stepsPerEpoch);
  }
  if (columns === undefined) return null;
  const places = positions(columns, kind, facts);
  const steps = columns.step.filter((_, at) => {
    const place = places[at] ?? NaN;
    return place >= low && place <= high;
  });
  return steps.length === 0 ? null : whole(Math.min(...steps), Math.max(...steps));
}

/**
 * Columns in the order of their places: a rewound job's steps are not in the order of time.
 * @param {number[]} places @param {(number | null)[][]} columns
 * @returns {[number[], ...(number | null)[][]]}
 */
export function inOrder(places, columns) {
  const sorted = places.every((place, at) => at === 0 || place >= (places[at - 1] ?? 0));
  if (sorted) return [places, ...columns];
  const order = places.map((_, at) => at).sort((a, b) => (places[a] ?? 0) - (places[b] ?? 0));
  /** @template T @param {T[]} column @returns {T[]} */
  const arrange = (column) => order.map((at) => /** @type {T} */ (column[at]));
  return [arrange(places), ...columns.map(arrange)];
}
