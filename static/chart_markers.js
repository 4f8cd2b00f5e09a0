// @ts-check
/** @typedef {import("uplot")} UPlot */
/**
 * @typedef {object} PlacedMarker
 * @property {string} kind
 * @property {number} x Place on the axis.
 * @property {string} text
 * @property {string} href
 */

/** Pixels within which the pointer is at a marker. */
const REACH = 7;
/** Height of the strip above the axis in which markers lie, and the least room between two dots. */
const STRIP = 16;
const ROOM = 6;

/** Each kind's shape in a box of 9 by 9, and whether a line rises from it. */
/** @type {Record<string, { path: string, line: boolean }>} */
const SHAPES = {
  pause: { path: "M2 1v7M7 1v7", line: true },
  resume: { path: "M2 1l6 3.5l-6 3.5z", line: true },
  checkpoint: { path: "M3 3h3v3h-3z", line: false },
  rewind: { path: "M7 1l-6 3.5l6 3.5z", line: true },
  hparams: { path: "M1 8l3-4.500M1.500 1h1.500l4.500 7", line: true },
  test: { path: "M4.500 0.500l4 4l-4 4l-4-4z", line: false },
  recovery: { path: "M4.500 1v7M1 4.500h7", line: true },
  fork: { path: "M4.500 8.500v-4l-3-3.500M4.500 4.500l3-3.500", line: true },
  merge: { path: "M1.500 8.500l3-3.500l3 3.500M4.500 5v-4", line: true },
};

/**
 * Draws markers above the axis of a chart, tells what they are and goes where they lead.
 * @param {() => PlacedMarker[]} markers
 * @param {(href: string) => void} open
 * @param {{ routine: string, ink: string }} colours Of checkpoints, and of all else.
 */
export function markersPlugin(markers, open, colours) {
  const tip = document.createElement("div");
  tip.className = "marker-tip";
  tip.hidden = true;
  /** @type {PlacedMarker | null} */
  let under = null;

  /** @param {UPlot} plot */
  const look = (plot) => {
    const { left = -10, top = -10 } = plot.cursor;
    const low = top > plot.over.clientHeight - STRIP - 4;
    under = left < 0 || !low ? null : nearest(plot, markers(), left);
    plot.root.parentElement?.classList.toggle("over-marker", under !== null);
    tip.hidden = under === null;
    if (under === null) return;
    tip.textContent = under.text;
    const place = plot.valToPos(under.x, "x") + plot.over.offsetLeft;
    tip.style.left = `${
      Math.max(0, Math.min(place - tip.offsetWidth / 2, plot.width - tip.offsetWidth))
    }px`;
  };

  return {
    hooks: {
      init: (/** @type {UPlot} */ plot) => {
        plot.root.append(tip);
        plot.over.addEventListener("mouseleave", () => {
          tip.hidden = true;
        });
        plot.over.addEventListener("click", () => {
          if (under !== null) open(under.href);
        });
      },
      draw: (/** @type {UPlot} */ plot) => draw(plot, markers(), colours),
      setCursor: look,
    },
  };
}

/** @param {UPlot} plot @param {PlacedMarker[]} markers @param {number} left */
function nearest(plot, markers, left) {
  let best = null;
  let distance = REACH;
  for (const marker of markers) {
    const away = Math.abs(plot.valToPos(marker.x, "x") - left);
    // Of several at one place the last is on top; a checkpoint is there by routine, so others win.
    if (away > distance || (away === distance && marker.kind === "checkpoint")) continue;
    best = marker;
    distance = away;
  }
  return best;
}

/** @param {UPlot} plot @param {PlacedMarker[]} markers @param {{ routine: string, ink: string }} colours */
function draw(plot, markers, colours) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  let lastDot = -Infinity;
  ctx.save();
  ctx.lineWidth = 1.5;
  ctx.setLineDash([]);
  for (const marker of [...markers].sort((a, b) => a.x - b.x)) {
    const shape = SHAPES[marker.kind];
    const x = plot.valToPos(marker.x, "x", true);
    if (shape === undefined || !(x >= bbox.left - 1 && x <= bbox.left + bbox.width + 1)) continue;
    if (marker.kind === "checkpoint" && x - lastDot < ROOM * ratio) continue;
    if (marker.kind === "checkpoint") lastDot = x;
    ctx.strokeStyle = marker.kind === "checkpoint" ? colours.routine : colours.ink;
    ctx.fillStyle = ctx.strokeStyle;
    if (shape.line) rise(ctx, x, bbox, ratio);
    ctx.save();
    ctx.translate(x - 4.5 * ratio, bbox.top + bbox.height - 13 * ratio);
    ctx.scale(ratio, ratio);
    const path = new Path2D(shape.path);
    if (shape.path.endsWith("z")) ctx.fill(path);
    ctx.stroke(path);
    ctx.restore();
  }
  ctx.restore();
}

/** A faint line from a marker to the top. @param {CanvasRenderingContext2D} ctx @param {number} x @param {UPlot["bbox"]} bbox @param {number} ratio */
function rise(ctx, x, bbox, ratio) {
  ctx.save();
  ctx.globalAlpha = 0.35;
  ctx.lineWidth = ratio;
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height - STRIP * ratio);
  ctx.stroke();
  ctx.restore();
}
