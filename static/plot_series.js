// @ts-check
import { canvasColour, faded } from "./canvas_colour.js";
/** @typedef {import("uplot")} UPlot */
/** @typedef {import("uplot").Series} Series */

const WIDTH = 1.75;
/** Fewer validations than this are dots on their line. */
const FEW = 60;

/** Where each line of a chart is in the plot's data. */
export const LINE = { x: 0, min: 1, max: 2, raw: 3, smoothed: 4, halo: 5, val: 6, test: 7 };

/**
 * The lines of a chart in the job's colour: train's extremes as a shadow, train, val dashed over a
 * halo that sets it off from a noisy train, test as diamonds.
 * @param {HTMLElement} place
 * @param {boolean} smoothing Whether the raw line is the shadow of a smoothed one.
 * @returns {Series[]}
 */
export function plotSeries(place, smoothing) {
  const line = canvasColour(place, "--line");
  const panel = canvasColour(place, "--panel");
  const shadow = { stroke: faded(line, 0.3), width: 1, points: { show: false } };
  return [
    {},
    shadow,
    shadow,
    {
      stroke: smoothing ? faded(line, 0.4) : line,
      width: smoothing ? 1 : WIDTH,
      points: { show: alone },
    },
    { show: smoothing, stroke: line, width: WIDTH, points: { show: false } },
    { stroke: faded(panel, 0.85), width: 4.5, spanGaps: true, points: { show: false } },
    { stroke: line, width: WIDTH, dash: [6, 4], spanGaps: true, points: { show: few, size: 4 } },
    { stroke: line, paths: () => null, points: { show: diamonds(line, panel) } },
  ];
}

/**
 * The area between train's extremes.
 * @param {HTMLElement} place
 * @returns {import("uplot").Band[]}
 */
export function plotBands(place) {
  return [{ series: [LINE.max, LINE.min], fill: faded(canvasColour(place, "--line"), 0.14) }];
}

/** A line of one point is a dot. @param {UPlot} plot @param {number} series */
function alone(plot, series) {
  return count(plot, series, 2) === 1;
}

/** @param {UPlot} plot @param {number} series */
function few(plot, series) {
  return count(plot, series, FEW) < FEW;
}

/** How many points a line has, counted up to `most`. @param {UPlot} plot @param {number} series @param {number} most */
function count(plot, series, most) {
  let found = 0;
  for (const value of plot.data[series] ?? []) {
    if (typeof value === "number" && ++found === most) break;
  }
  return found;
}

/** Draws diamonds in place of uPlot's dots. @param {string} line @param {string} panel */
function diamonds(line, panel) {
  return (/** @type {UPlot} */ plot, /** @type {number} */ series) => {
    const { ctx } = plot;
    const size = 4.5 * devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = line;
    ctx.fillStyle = panel;
    ctx.lineWidth = WIDTH * devicePixelRatio;
    ctx.setLineDash([]);
    for (const [at, value] of (plot.data[series] ?? []).entries()) {
      if (typeof value !== "number") continue;
      const x = plot.valToPos(plot.data[0][at] ?? 0, "x", true);
      const y = plot.valToPos(value, "y", true);
      ctx.beginPath();
      ctx.moveTo(x, y - size);
      ctx.lineTo(x + size, y);
      ctx.lineTo(x, y + size);
      ctx.lineTo(x - size, y);
      ctx.closePath();
      ctx.fill();
      ctx.stroke();
    }
    ctx.restore();
    return false;
  };
}
