// @ts-check
import { canvasColour, faded } from "./canvas_colour.js";
import { whole } from "./figures.js";
import { isWithin, lasso } from "./lasso.js";
import { lossRamp, sampleColours } from "./scatter_colours.js";
/** @typedef {import("../jobs/job.ts").StoredSelection} StoredSelection */
/** @typedef {import("../runtime/protocol/report.ts").ReportRecord} ReportRecord */
/** @typedef {import("./picked_samples.js").PickedSamples} PickedSamples */
/** @typedef {import("./lasso.js").Point} Point */

const AROUND = 14;
const DOT = 3;
/** Groups that are named in the plane. */
const MOST_NAMES = 24;

/** Samples in a plane: what is alike lies together, and a line around them picks them. */
export class ScatterPanel {
  /** @type {Point[]} */
  #places = [];
  /** @type {Point[]} */
  #line = [];
  /** @type {((at: number) => boolean) | null} */
  #isPicked = null;

  /**
   * @param {HTMLElement} panel @param {ReportRecord} report @param {PickedSamples} picked
   * @param {{ samples: number, rows: number[], columns: Record<string, (number | null)[]> }} points
   * @param {import("./loss_order.js").LossOrder} order
   */
  constructor(panel, report, picked, points, order) {
    this.report = report;
    this.picked = picked;
    this.points = points;
    this.order = order;
    this.place = /** @type {HTMLElement} */ (panel.querySelector("[data-scatter]"));
    this.canvas = /** @type {HTMLCanvasElement} */ (panel.querySelector("canvas"));
    this.by = /** @type {HTMLSelectElement} */ (panel.querySelector("#colour-by"));
    this.legend = /** @type {HTMLElement} */ (panel.querySelector("[data-loss-legend]"));
    this.by.addEventListener("change", () => this.draw());
    lasso(this.canvas, {
      move: (corners) => {
        this.#line = corners;
        this.draw();
      },
      end: (corners) => this.#enclose(corners),
    });
    const drawn = points.rows.length;
    const note = panel.querySelector("[data-drawn]");
    if (note !== null && drawn < points.samples) {
      note.textContent = `${whole(drawn)} of ${whole(points.samples)} samples are drawn, evenly ` +
        "taken; a line around them picks among these.";
    }
    new ResizeObserver(() => this.draw()).observe(this.place);
    document.addEventListener("theme:changed", () => this.draw());
  }

  /** Dims what is not picked. @param {StoredSelection | null} selection */
  show(selection) {
    this.#isPicked = selection === null ? null : this.#predicate(selection);
    this.draw();
  }

  /** Draws anew, in the size and colours of now. */
  draw() {
    const { clientWidth: width, clientHeight: height } = this.place;
    const ratio = devicePixelRatio;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const pen = this.canvas.getContext("2d");
    if (pen === null || width === 0) return;
    pen.scale(ratio, ratio);
    this.#places = this.#layOut(width, height);
    const by = /** @type {"cluster" | "loss" | "label"} */ (this.by.value);
    const colours = sampleColours(this.place, by, this.points.columns);
    for (const picked of this.#isPicked === null ? [true] : [false, true]) {
      pen.globalAlpha = picked ? 0.85 : 0.18;
      for (const [at, { x, y }] of this.#places.entries()) {
        if (this.#isPicked !== null && this.#isPicked(at) !== picked) continue;
        pen.fillStyle = colours[at] ?? "";
        pen.fillRect(x - DOT / 2, y - DOT / 2, DOT, DOT);
      }
    }
    pen.globalAlpha = 1;
    if (by === "loss") this.#ramp();
    else this.#names(pen, by);
    this.legend.hidden = by !== "loss";
    this.#drawLine(pen);
  }

  /** Places in pixels: one scale for both axes, since distances are what it shows. @param {number} width @param {number} height */
  #layOut(width, height) {
    const [xs, ys] = [this.points.columns["x"] ?? [], this.points.columns["y"] ?? []];
    const [left, right] = ends(xs);
    const [low, high] = ends(ys);
    const scale = Math.min(
      (width - 2 * AROUND) / (right - left || 1),
      (height - 2 * AROUND) / (high - low || 1),
    );
    const [middleX, middleY] = [(left + right) / 2, (low + high) / 2];
    return xs.map((x, at) => ({
      x: width / 2 + ((x ?? middleX) - middleX) * scale,
      y: height / 2 - ((ys[at] ?? middleY) - middleY) * scale,
    }));
  }

  /** Writes the name of each group in its middle, so that colour never tells it alone. @param {CanvasRenderingContext2D} pen @param {"cluster" | "label"} by */
  #names(pen, by) {
    const values = this.points.columns[by] ?? [];
    /** @type {Map<number, { x: number, y: number, count: number }>} */
    const groups = new Map();
    for (const [at, { x, y }] of this.#places.entries()) {
      const value = values[at];
      if (value === null || value === undefined || value < 0) continue;
      const group = groups.get(value) ?? { x: 0, y: 0, count: 0 };
      groups.set(value, { x: group.x + x, y: group.y + y, count: group.count + 1 });
    }
    pen.font = `600 13px ${getComputedStyle(this.place).fontFamily}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineWidth = 4;
    pen.lineJoin = "round";
    pen.strokeStyle = canvasColour(this.place, "--panel");
    pen.fillStyle = canvasColour(this.place, "--text");
    const largest = [...groups].sort(([, a], [, b]) => b.count - a.count).slice(0, MOST_NAMES);
    for (const [value, { x, y, count }] of largest) {
      const name = by === "label"
        ? this.report.class_names?.[value] ?? String(value)
        : String(value);
      pen.strokeText(name, x / count, y / count);
      pen.fillText(name, x / count, y / count);
    }
  }

  #ramp() {
    for (const [at, colour] of lossRamp(this.place).entries()) {
      const swatch = this.legend.querySelector(`[data-ramp="${at}"]`);
      if (swatch instanceof HTMLElement) swatch.style.color = colour;
    }
  }

  /** @param {CanvasRenderingContext2D} pen */
  #drawLine(pen) {
    if (this.#line.length < 2) return;
    pen.beginPath();
    for (const { x, y } of this.#line) pen.lineTo(x, y);
    pen.closePath();
    const accent = canvasColour(this.place, "--accent");
    pen.fillStyle = faded(accent, 0.12);
    pen.fill();
    pen.strokeStyle = accent;
    pen.lineWidth = 1.5;
    pen.stroke();
  }

  /** @param {Point[]} corners */
  #enclose(corners) {
    this.#line = [];
    const rows = this.points.rows.filter((_, at) => {
      const place = this.#places[at];
      return place !== undefined && isWithin(place, corners);
    });
    if (rows.length === 0) return this.draw();
    const of = this.report.of === "all" ? { of: /** @type {const} */ ("all") } : {};
    this.picked.announce({ kind: "indices", indices: rows, ...of }, rows.length);
  }

  /**
   * Whether a sample that is drawn is picked; null for a rule that only the server can apply.
   * @param {StoredSelection} selection
   * @returns {((at: number) => boolean) | null}
   */
  #predicate(selection) {
    const { loss = [], cluster = [] } = this.points.columns;
    if (selection.kind === "indices" && "indices" in selection) {
      const rows = new Set(selection.indices);
      return (at) => rows.has(this.points.rows[at] ?? -1);
    }
    if (selection.kind === "kmeans") {
      return (at) => selection.clusters.includes(cluster[at] ?? -1);
    }
    if (selection.kind === "region") {
      const { from = -Infinity, to = Infinity } = selection;
      return (at) => (loss[at] ?? NaN) >= from && (loss[at] ?? NaN) < to;
    }
    if (selection.kind === "quantile") {
      const from = this.order.loss(selection.from);
      const to = selection.to >= 1 ? Infinity : this.order.loss(selection.to);
      return (at) => (loss[at] ?? Infinity) >= from && (loss[at] ?? 0) < to;
    }
    if (selection.kind === "hardest") {
      const from = this.order.loss(1 - selection.n / this.points.samples);
      return (at) => (loss[at] ?? Infinity) >= from;
    }
    return null;
  }
}

/** @param {(number | null)[]} values @returns {[number, number]} */
function ends(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value === null) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}
