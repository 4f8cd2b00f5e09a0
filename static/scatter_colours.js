// @ts-check
import { canvasColour } from "./canvas_colour.js";

/** Colours that tell groups apart before they come round again. */
const COLOURS = 8;
/** Steps from a low loss to a high one. */
export const RAMP = 5;

/**
 * The colour of each sample.
 * @param {HTMLElement} place
 * @param {"cluster" | "loss" | "label"} by
 * @param {Record<string, (number | null)[]>} columns
 * @returns {string[]}
 */
export function sampleColours(place, by, columns) {
  const values = columns[by] ?? [];
  if (by !== "loss") {
    const colours = Array.from(
      { length: COLOURS },
      (_, at) => canvasColour(place, `--colour-${at}`),
    );
    const none = canvasColour(place, "--dim");
    return values.map((value) =>
      value === null || value < 0 ? none : colours[value % COLOURS] ?? none
    );
  }
  const ramp = lossRamp(place);
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  // A step is a fifth of the samples: a few huge losses do not make all others look alike.
  const ends = ramp.map((_, at) => sorted[Math.ceil((at + 1) * sorted.length / RAMP) - 1] ?? 0);
  return values.map((value) => {
    const step = value === null ? RAMP - 1 : ends.findIndex((end) => value <= end);
    return ramp[step < 0 ? RAMP - 1 : step] ?? "";
  });
}

/** From a low loss to a high one. @param {HTMLElement} place */
export function lossRamp(place) {
  const [low, high] = ["--colour-5", "--bad"].map((name) => channels(canvasColour(place, name)));
  return Array.from({ length: RAMP }, (_, step) => {
    const share = step / (RAMP - 1);
    const mixed = (low ?? []).map((from, at) =>
      Math.round(from + ((high?.[at] ?? 0) - from) * share)
    );
    return `rgb(${mixed.join(", ")})`;
  });
}

/** @param {string} colour `rgb(r, g, b)` */
function channels(colour) {
  return (colour.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
}
