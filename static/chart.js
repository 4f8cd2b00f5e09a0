// @ts-check
import { inOrder, position, positions } from "./chart_axis.js";
import { canvasColour } from "./canvas_colour.js";
import { markersPlugin } from "./chart_markers.js";
import { byteSize, decimal } from "./figures.js";
import { plotOptions } from "./plot_options.js";
import { LINE } from "./plot_series.js";
import { smooth } from "./smoothing.js";
/** @typedef {import("uplot")} UPlot */
/** @typedef {import("./metric_data.js").MetricData} MetricData */
/** @typedef {import("./chart_axis.js").AxisFacts} AxisFacts */
/** @typedef {import("./chart_axis.js").AxisKind} AxisKind */
/** @typedef {{ kind: string, step: number, axis_step: number, ts: number, epoch: number, text: string, href: string }} Marker */
/** @typedef {{ x: AxisKind, y: "linear" | "log", smooth: number }} View */
/** @typedef {{ zoom: (low: number, high: number, chart: Chart) => void, reset: () => void, open: (href: string) => void }} Gestures */

/** One figure of the page and the plot in it. */
export class Chart {
  /** @type {UPlot | null} */
  #plot = null;
  /** @type {Marker[]} */
  #markers = [];
  #shape = "";

  /**
   * @param {HTMLElement} figure @param {MetricData} data @param {() => AxisFacts} facts
   * @param {Gestures} gestures
   */
  constructor(figure, data, facts, gestures) {
    const { chart = "", title = "", train = "", val, test, unit } = figure.dataset;
    this.id = chart;
    /** How its figures are written. */
    this.write = unit === "bytes"
      ? (/** @type {number | null | undefined} */ value) => value == null ? "" : byteSize(value)
      : decimal;
    this.title = title;
    this.figure = figure;
    this.data = data;
    this.facts = facts;
    this.gestures = gestures;
    /** Names of the series: train, and where the chart has them val and test. */
    this.train = train;
    this.val = val ?? null;
    this.test = test ?? null;
    /** Whether it is one of the large ones, which follow every step. */
    this.main = figure.closest(".charts-main") !== null;
    this.place = /** @type {HTMLElement} */ (figure.querySelector("[data-plot]"));
    this.readout = /** @type {HTMLElement} */ (figure.querySelector("[data-readout]"));
    new ResizeObserver(() => this.#fit()).observe(this.place);
  }

  /** Names of its series that are there. */
  get names() {
    return [this.train, this.val, this.test].filter((name) => name !== null);
  }

  /** Its series that have points, as CSV and the table want them. */
  get series() {
    /** @type {Map<string, import("./metric_data.js").Columns>} */
    const series = new Map();
    for (const name of this.names) {
      const columns = this.data.series.get(name);
      if (columns !== undefined && columns.step.length > 0) series.set(name, columns);
    }
    return series;
  }

  get canvas() {
    return this.#plot?.ctx.canvas ?? null;
  }

  /** The next drawing builds the plot anew: the theme has changed. */
  invalidate() {
    this.#shape = "";
  }

  /** Draws what the data holds. @param {View} view @param {Marker[]} markers */
  draw(view, markers) {
    this.#markers = this.main ? markers : [];
    this.view = view;
    const table = this.#table(view);
    const empty = table === null;
    const note = this.figure.querySelector("[data-empty]");
    if (note instanceof HTMLElement) {
      note.hidden = !empty;
      if (empty && this.main && (this.data.series.get("loss")?.step.length ?? 0) > 0) {
        note.textContent = `This job has no ${this.title.toLowerCase()}`;
      }
    }
    if (empty) return this.#clear();
    const shape = `${view.x} ${view.y} ${view.smooth > 0}`;
    if (this.#plot === null || shape !== this.#shape) this.#build(view, shape, table);
    else this.#plot.setData(/** @type {import("uplot").AlignedData} */ (table));
    this.#tell(this.#plot?.cursor.idx ?? null);
  }

  #clear() {
    this.#plot?.destroy();
    this.#plot = null;
    this.readout.textContent = "";
  }

  /** @param {View} view @param {string} shape @param {unknown} table */
  #build(view, shape, table) {
    this.#clear();
    this.#shape = shape;
    const options = plotOptions(this.place, view, this.write, {
      zoom: (low, high) => this.gestures.zoom(low, high, this),
      reset: this.gestures.reset,
      hover: (at) => this.#tell(at),
    });
    options.plugins = [
      markersPlugin(
        () => this.#placedMarkers(),
        this.gestures.open,
        { routine: canvasColour(this.place, "--dim"), ink: canvasColour(this.place, "--text") },
      ),
    ];
    const data = /** @type {import("uplot").AlignedData} */ (table);
    // uPlot is a classic script: it is there before any module runs.
    this.#plot = new globalThis["uPlot"](options, data, this.place);
  }

  #placedMarkers() {
    const kind = this.view?.x ?? "step";
    const facts = this.facts();
    return this.#markers.map((marker) => ({ ...marker, x: position(marker, kind, facts) }));
  }

  /**
   * All lines on one axis, in the order of `LINE`.
   * @param {View} view
   */
  #table(view) {
    const facts = this.facts();
    const columns = this.data.series.get(this.train);
    const others = [this.val, this.test].map((name) => name && this.data.series.get(name));
    if ([columns, ...others].every((one) => !one || one.step.length === 0)) return null;
    const guard = view.y === "log" ? positive : (/** @type {(number | null)[]} */ one) => one;
    const tables = [];
    const train = columns ?? { min: [], max: [], last: [], step: [], axis: [], ts: [], epoch: [] };
    const smoothed = view.smooth > 0 ? smooth(train.last, view.smooth) : train.last;
    tables.push(inOrder(
      positions(train, view.x, facts),
      [train.min, train.max, train.last, smoothed].map(guard),
    ));
    const [val, test] = others.map((other) => ({
      places: other ? positions(other, view.x, facts) : [],
      values: other ? guard(other.last) : [],
    }));
    if (val !== undefined) tables.push(inOrder(val.places, [val.values, val.values]));
    if (test !== undefined) tables.push(inOrder(test.places, [test.values]));
    return globalThis["uPlot"].join(/** @type {any} */ (tables));
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.place;
    if (this.#plot !== null && width > 0 && height > 0) this.#plot.setSize({ width, height });
  }

  /** Writes the figures under the pointer, or the newest ones. @param {number | null} at Index into the plot's data. */
  #tell(at) {
    const parts = [];
    if (at === null || this.#plot === null) {
      for (const [name, columns] of this.series) {
        parts.push(`${short(name)} ${this.write(columns.last.at(-1))}`);
      }
    } else {
      const { data } = this.#plot;
      const under = (/** @type {number} */ line) => newestUpTo(data[line] ?? [], at);
      if (this.val !== null) parts.push(`${placeText(under(LINE.x) ?? 0, this.view?.x)}:`);
      const values = [
        ["train", under(LINE.smoothed) ?? under(LINE.raw)],
        ["val", under(LINE.val)],
        ["test", under(LINE.test)],
      ];
      for (const [name, value] of values) {
        if (typeof value === "number") {
          parts.push(`${this.val === null ? "" : `${name} `}${this.write(value)}`);
        }
      }
    }
    const text = parts.join("  ");
    if (this.readout.textContent === text) return;
    this.readout.textContent = text;
    this.place.setAttribute("role", "img");
    this.place.setAttribute("aria-label", `${this.title}: ${text}`);
  }
}

/** A line has no figure at another line's places: the one before it counts. @param {ArrayLike<number | null | undefined>} values @param {number} at */
function newestUpTo(values, at) {
  for (let index = at; index >= 0; index--) {
    const value = values[index];
    if (value !== undefined) return value;
  }
  return null;
}

/** @param {number} place @param {AxisKind} [kind] */
function placeText(place, kind) {
  return kind === "time" ? new Date(place * 1000).toLocaleTimeString() : decimal(place);
}

/** `val_loss` is `val` in the caption of its chart. @param {string} name */
function short(name) {
  if (name.startsWith("val_")) return "val";
  if (name.startsWith("test_")) return "test";
  return name === "loss" || name === "accuracy" ? "train" : "";
}

/** A logarithmic axis has no place for zero and below. @param {(number | null)[]} values */
function positive(values) {
  return values.map((value) => value !== null && value > 0 ? value : null);
}
