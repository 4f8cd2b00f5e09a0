// @ts-check
/** @typedef {import("uplot")} UPlot */
/**
 * @typedef {object} PlacedMarker
 * @property {string} kind
 * @property {number} x Place on the axis.
 * @property {string} text
 * @property {string} href
 */

/** Half the side of a marker's box, and the height of one floor of a stack of them. */
const HALF = 4.5;
const FLOOR = 12;
/** Markers nearer to each other than this are stacked; more than so many are not drawn. */
const ROOM = 9;
const FLOORS = 6;
/** Distance of the lowest floor's middle from the axis. */
const GROUND = 8;

/** Each kind's shape in a box of 9 by 9, and whether a line rises from it. */
/** @type {Record<string, { path: string, line: boolean, outline?: Path2D }>} */
const SHAPES = {
  pause: { path: "M2 1v7M7 1v7", line: true },
  resume: { path: "M2 1l6 3.5l-6 3.5z", line: true },
  checkpoint: { path: "M3 3h3v3h-3z", line: false },
  rewind: { path: "M7 1l-6 3.5l6 3.5z", line: true },
  hparams: { path: "M0 2.500h9M0 6.500h9M3 0.500v4M6 4.500v4", line: true },
  test: { path: "M4.500 0.500l4 4l-4 4l-4-4z", line: false },
  recovery: { path: "M4.500 1v7M1 4.500h7", line: true },
  fork: { path: "M4.500 8.500v-4l-3-3.500M4.500 4.500l3-3.500", line: true },
  health: { path: "M4.500 1l4 7h-8z", line: true },
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
    const { offsetLeft, clientHeight } = plot.over;
    const found = stacked(plot, markers()).find(({ x, floor }) => {
      const y = clientHeight - GROUND - floor * FLOOR;
      return Math.abs(x - left) <= FLOOR / 2 + 1 && Math.abs(y - top) <= FLOOR / 2;
    });
    under = left < 0 ? null : found?.marker ?? null;
    plot.root.parentElement?.classList.toggle("over-marker", under !== null);
    tip.hidden = under === null;
    if (found === undefined || under === null) return;
    tip.textContent = under.text;
    const middle = found.x + offsetLeft - tip.offsetWidth / 2;
    tip.style.left = `${Math.max(0, Math.min(middle, plot.width - tip.offsetWidth))}px`;
    tip.style.bottom = `${plot.height - clientHeight + (found.floor + 1) * FLOOR + 4}px`;
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

/**
 * Where each marker is drawn: those at one place stand on each other, and a checkpoint, which is
 * there by routine, only where nothing else is.
 * @param {UPlot} plot @param {PlacedMarker[]} markers
 * @returns {{ marker: PlacedMarker, x: number, floor: number }[]} `x` in pixels of the plot.
 */
function stacked(plot, markers) {
  const width = plot.over.clientWidth;
  /** @type {{ marker: PlacedMarker, x: number, floor: number }[]} */
  const placed = [];
  /** How many stand in each column of ROOM pixels. @type {Map<number, number>} */
  const columns = new Map();
  const routineLast = markers.toSorted((a, b) =>
    Number(a.kind === "checkpoint") - Number(b.kind === "checkpoint") || a.x - b.x
  );
  for (const marker of routineLast) {
    const x = plot.valToPos(marker.x, "x");
    if (!(x >= -1 && x <= width + 1)) continue;
    const column = Math.round(x / ROOM);
    const floor = columns.get(column) ?? 0;
    if (floor >= (marker.kind === "checkpoint" ? 1 : FLOORS)) continue;
    columns.set(column, floor + 1);
    placed.push({ marker, x, floor });
  }
  return placed;
}

/** @param {UPlot} plot @param {PlacedMarker[]} markers @param {{ routine: string, ink: string }} colours */
function draw(plot, markers, colours) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.lineWidth = 1.5;
  ctx.setLineDash([]);
  for (const { marker, x, floor } of stacked(plot, markers)) {
    const shape = SHAPES[marker.kind];
    if (shape === undefined) continue;
    ctx.strokeStyle = marker.kind === "checkpoint" ? colours.routine : colours.ink;
    ctx.fillStyle = ctx.strokeStyle;
    const left = bbox.left + x * ratio;
    if (shape.line && floor === 0) rise(ctx, left, bbox, ratio);
    ctx.save();
    ctx.translate(
      left - HALF * ratio,
      bbox.top + bbox.height - (GROUND + floor * FLOOR + HALF) * ratio,
    );
    ctx.scale(ratio, ratio);
    shape.outline ??= new Path2D(shape.path);
    if (shape.path.endsWith("z")) ctx.fill(shape.outline);
    ctx.stroke(shape.outline);
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
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}
