// @ts-check
import { decimal, whole } from "./figures.js";
/** @typedef {import("uplot").Options} Options */
/** @typedef {import("./chart.js").View} View */

/** Charts whose cursors move together. */
const SYNC = "job";
const WIDTH = 1.75;

/**
 * How one chart is drawn: its colours from the page's tokens, its lines told apart by dashes.
 * Series are x, train's min, max, raw and smoothed, val, test.
 * @param {HTMLElement} place
 * @param {View} view
 * @param {{ zoom: (low: number, high: number) => void, reset: () => void, hover: (at: number | null) => void }} gestures
 * @returns {Options}
 */
export function plotOptions(place, view, gestures) {
  const look = getComputedStyle(place);
  /** @param {string} name */
  const token = (name) => look.getPropertyValue(name).trim();
  const line = canvasColour(place, "--line");
  const axis = {
    stroke: canvasColour(place, "--dim"),
    font: `11px ${token("--font")}`,
    grid: { stroke: canvasColour(place, "--grid"), width: 1 },
    ticks: { show: false },
    gap: 4,
  };
  const smoothing = view.smooth > 0;
  return {
    width: place.clientWidth,
    height: place.clientHeight,
    padding: [6, 8, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: view.x === "time" },
      y: { distr: view.y === "log" ? 3 : 1, range: yRange(view.y) },
    },
    axes: [
      {
        ...axis,
        size: 22,
        ...(view.x === "time" ? {} : { values: (_, splits) => splits.map(tick) }),
      },
      {
        ...axis,
        size: 46,
        values: (_, splits) => splits.map((value) => value === null ? "" : decimal(value)),
      },
    ],
    cursor: {
      sync: { key: SYNC },
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: false },
      bind: { dblclick: () => () => (gestures.reset(), null) },
    },
    series: [
      {},
      { stroke: faded(line, 0.3), width: 1, points: { show: false } },
      { stroke: faded(line, 0.3), width: 1, points: { show: false } },
      {
        stroke: smoothing ? faded(line, 0.35) : line,
        width: smoothing ? 1 : WIDTH,
        points: { show: dots(3) },
      },
      { show: smoothing, stroke: line, width: WIDTH, points: { show: false } },
      {
        stroke: line,
        width: WIDTH,
        dash: [6, 4],
        spanGaps: true,
        points: { show: dots(5), size: 4 },
      },
      {
        stroke: line,
        paths: () => null,
        points: { show: drawDiamonds(line, canvasColour(place, "--panel")) },
      },
    ],
    bands: [{ series: [2, 1], fill: faded(line, 0.14) }],
    hooks: {
      setSelect: [(plot) => {
        const { left, width } = plot.select;
        if (width < 4) return;
        const [low, high] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        gestures.zoom(low, high);
      }],
      setCursor: [(plot) => gestures.hover(plot.cursor.idx ?? null)],
    },
  };
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

/** A line of one point is a dot. @param {number} series */
function dots(series) {
  return (/** @type {import("uplot")} */ plot) => {
    const values = plot.data[series] ?? [];
    let count = 0;
    for (const value of values) {
      if (typeof value === "number" && ++count > 1) return series === 5 && values.length < 60;
    }
    return true;
  };
}

/** Test results as diamonds, in place of uPlot's dots. @param {string} line @param {string} panel */
function drawDiamonds(line, panel) {
  return (/** @type {import("uplot")} */ plot, /** @type {number} */ series) => {
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

/** @param {number} value */
function tick(value) {
  return Number.isInteger(value) ? whole(value) : decimal(value);
}

/** A token as the canvas can take it: `light-dark()` and `var()` are resolved by an element. @param {HTMLElement} place @param {string} name */
export function canvasColour(place, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  place.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

/** @param {string} colour `rgb(r, g, b)` @param {number} share */
function faded(colour, share) {
  return colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${share})`);
}
