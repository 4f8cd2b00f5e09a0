// @ts-check
import { canvasColour } from "./canvas_colour.js";
import { decimal } from "./figures.js";
import { plotBands, plotSeries } from "./plot_series.js";
/** @typedef {import("uplot").Options} Options */
/** @typedef {import("./chart.js").View} View */

/** Charts whose cursors move together. */
const SYNC = "job";
/** Least drag, in pixels, that is meant as a zoom. */
const DRAG = 4;
/** About the width of a digit of the axes' font, and what stands around a label. */
const DIGIT = 6.6;
const AROUND = 12;

/**
 * How one chart is drawn: axes, cursor, gestures; its lines are in `plot_series.js`.
 * @param {HTMLElement} place
 * @param {View} view
 * @param {(value: number) => string} write How its figures are written.
 * @param {{ zoom: (low: number, high: number) => void, reset: () => void, hover: (at: number | null) => void }} gestures
 * @returns {Options}
 */
export function plotOptions(place, view, write, gestures) {
  const axis = {
    stroke: canvasColour(place, "--dim"),
    font: `11px ${getComputedStyle(place).fontFamily}`,
    grid: { stroke: canvasColour(place, "--grid"), width: 1 },
    ticks: { show: false },
    gap: 4,
  };
  const written = (/** @type {(value: number) => string} */ one) => ({
    values: (/** @type {unknown} */ _, /** @type {(number | null)[]} */ splits) =>
      splits.map((value) => value === null ? "" : one(value)),
  });
  return {
    width: place.clientWidth,
    height: place.clientHeight,
    padding: [6, 14, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: view.x === "time" },
      y: { distr: view.y === "log" ? 3 : 1, range: yRange(view.y) },
    },
    axes: [
      { ...axis, size: 22, ...(view.x === "time" ? {} : written(decimal)) },
      { ...axis, size: labelWidth, ...written(write) },
    ],
    cursor: {
      sync: { key: SYNC },
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: false },
      bind: { dblclick: () => () => (gestures.reset(), null) },
    },
    series: plotSeries(place, view.smooth > 0),
    bands: plotBands(place),
    hooks: {
      setSelect: [(plot) => {
        const { left, width } = plot.select;
        if (width < DRAG) return;
        const [low, high] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        gestures.zoom(low, high);
      }],
      setCursor: [(plot) => gestures.hover(plot.cursor.idx ?? null)],
    },
  };
}

/** Room for the longest label of an axis. @param {unknown} _ @param {string[] | null} labels */
function labelWidth(_, labels) {
  const longest = Math.max(3, ...(labels ?? []).map((label) => label.length));
  return Math.ceil(longest * DIGIT) + AROUND;
}

/** Room above and below the lines; a flat line stands in the middle. @param {"linear" | "log"} kind */
function yRange(kind) {
  return (
    /** @type {unknown} */ _,
    /** @type {number | null} */ low,
    /** @type {number | null} */ high,
  ) => {
    const uPlot = globalThis["uPlot"];
    if (low === null || high === null) return /** @type {[number, number]} */ ([0.1, 1]);
    if (kind === "log") return uPlot.rangeLog(low, high, 10, false);
    const room = (high - low || Math.abs(high) || 1) * 0.06;
    return /** @type {[number, number]} */ ([low - room, high + room]);
  };
}
