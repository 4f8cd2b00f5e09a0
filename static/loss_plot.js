// @ts-check
import { canvasColour, faded } from "./canvas_colour.js";
import { decimal, percent, whole } from "./figures.js";
/** @typedef {import("uplot")} UPlot */
/** @typedef {{ edges: number[], counts: number[] }} Histogram */

/**
 * Histogram and cumulative share over one axis of losses, with a stretch of it that can be dragged.
 * @param {HTMLElement} place
 * @param {Histogram} histogram
 * @param {{ drag: (low: number, high: number) => void, hover: (text: string) => void }} gestures
 * @returns {UPlot}
 */
export function lossPlot(place, { edges, counts }, gestures) {
  const line = canvasColour(place, "--colour-0");
  const curve = canvasColour(place, "--colour-1");
  const total = counts.reduce((sum, count) => sum + count, 0);
  let sum = 0;
  const shares = [0, ...counts.map((count) => (sum += count) / total)];
  const axis = {
    stroke: canvasColour(place, "--dim"),
    font: `11px ${getComputedStyle(place).fontFamily}`,
    grid: { stroke: canvasColour(place, "--grid"), width: 1 },
    ticks: { show: false },
    gap: 4,
  };
  const written = (/** @type {(value: number) => string} */ write) => ({
    values: (/** @type {unknown} */ _, /** @type {number[]} */ splits) => splits.map(write),
  });
  const uPlot = globalThis["uPlot"];
  const plot = new uPlot(
    {
      width: place.clientWidth,
      height: place.clientHeight,
      padding: [6, 4, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: false, range: () => [edges[0] ?? 0, edges.at(-1) ?? 1] },
        y: { range: (_, __, most) => [0, (most || 1) * 1.04] },
        share: { range: () => [0, 1.04] },
      },
      axes: [
        { ...axis, size: 22, ...written(decimal) },
        { ...axis, size: 44, ...written(whole) },
        {
          ...axis,
          side: 1,
          scale: "share",
          size: 44,
          grid: { show: false },
          ...written((share) => `${Math.round(share * 100)}%`),
        },
      ],
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => () => null },
      },
      series: [
        {},
        {
          stroke: faded(line, 0.9),
          fill: faded(line, 0.45),
          width: 0.5,
          points: { show: false },
          paths: /** @type {any} */ (uPlot.paths).bars({ size: [1], align: 1, gap: 1 }),
        },
        { stroke: curve, scale: "share", width: 1.75, points: { show: false } },
      ],
      hooks: {
        setCursor: [(one) => {
          const at = one.cursor.left === undefined || one.cursor.left < 0
            ? null
            : binOf(edges, one.posToVal(one.cursor.left, "x"));
          gestures.hover(
            at === null
              ? ""
              : `${decimal(edges[at])}–${decimal(edges[at + 1])}: ${whole(counts[at])} here, ${
                percent(shares[at + 1])
              } up to here`,
          );
          if (held && one.select.width > 0) tell(one);
        }],
        setSelect: [(one) => {
          if (one.select.width > 0) tell(one);
        }],
      },
    },
    /** @type {import("uplot").AlignedData} */ ([edges, [...counts, null], shares]),
    place,
  );
  let held = false;
  const tell = (/** @type {UPlot} */ one) => {
    const { left, width } = one.select;
    gestures.drag(one.posToVal(left, "x"), one.posToVal(left + width, "x"));
  };
  plot.over.addEventListener("mousedown", () => held = true);
  plot.over.addEventListener("mouseup", () => held = false);
  plot.over.addEventListener("mouseleave", () => held = false);
  return plot;
}

/** Draws the stretch that is picked. @param {UPlot} plot @param {number} low @param {number} high */
export function markStretch(plot, low, high) {
  const width = plot.over.clientWidth;
  const left = Math.max(0, Math.min(width, plot.valToPos(low, "x")));
  const right = Math.max(0, Math.min(width, plot.valToPos(high, "x")));
  const height = plot.over.clientHeight;
  plot.setSelect({ left, top: 0, width: Math.max(1, right - left), height }, false);
}

/** @param {number[]} edges @param {number} value @returns {number | null} */
function binOf(edges, value) {
  const at = edges.findIndex((edge, bin) => value >= edge && value < (edges[bin + 1] ?? -Infinity));
  return at < 0 ? null : at;
}
