// @ts-check
import { canvasColour, faded } from "./canvas_colour.js";
import { inOrder, positions } from "./chart_axis.js";
import { byteSize, decimal } from "./figures.js";
import { plotOptions } from "./plot_options.js";
import { smooth } from "./smoothing.js";
/** @typedef {import("uplot")} UPlot */
/** @typedef {import("./chart.js").View} View */
/** @typedef {{ id: string, name: string, colour: number, dash: number, originStep: number }} ComparedJob */
/** @typedef {ComparedJob & { data: import("./metric_data.js").MetricData }} ComparedLine */

/** Dash patterns of lines that share a colour, as `routes/views/compare_page.tsx` draws them. */
const DASHES = [[], [6, 4], [2, 3], [9, 3, 2, 3]];
const WIDTH = 1.75;

/** One figure of several jobs, a line each. */
export class OverlayChart {
  /** @type {UPlot | null} */
  #plot = null;
  /** @type {View | undefined} */
  #view;
  #shape = "";

  /**
   * @param {HTMLElement} figure @param {ComparedLine[]} lines
   * @param {{ zoom: (low: number, high: number) => void, reset: () => void }} gestures
   */
  constructor(figure, lines, gestures) {
    const { title = "", train = "", unit } = figure.dataset;
    this.id = train;
    this.metric = train;
    this.title = title;
    this.figure = figure;
    this.lines = lines;
    this.gestures = gestures;
    this.write = unit === "bytes" ? byteSize : decimal;
    this.place = /** @type {HTMLElement} */ (figure.querySelector("[data-plot]"));
    this.readout = /** @type {HTMLElement} */ (figure.querySelector("[data-readout]"));
    new ResizeObserver(() => this.#fit()).observe(this.place);
  }

  get shown() {
    return !this.figure.hidden;
  }

  /** Its lines that have points, by the job's name, as CSV and the table want them. */
  get series() {
    /** @type {Map<string, import("./metric_data.js").Columns>} */
    const series = new Map();
    for (const { name, data } of this.lines) {
      const columns = data.series.get(this.metric);
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

  /** Draws what the jobs' data holds. @param {View} view */
  draw(view) {
    this.#view = view;
    const series = this.series;
    this.figure.querySelector("[data-empty]")?.toggleAttribute("hidden", series.size > 0);
    if (series.size === 0) return this.#clear();
    const table = this.#table(view);
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
      ...this.gestures,
      hover: (at) => this.#tell(at),
    });
    options.series = [
      {},
      ...this.lines.flatMap(({ colour, dash }) => {
        const stroke = canvasColour(this.place, `--colour-${colour}`);
        const line = { stroke, width: WIDTH, dash: DASHES[dash % DASHES.length] ?? [] };
        const points = { show: alone, fill: stroke, size: 7 };
        return view.smooth > 0
          ? [{ ...line, stroke: faded(stroke, 0.3), width: 1, points }, {
            ...line,
            points: { show: false },
          }]
          : [{ ...line, points }];
      }),
    ];
    options.bands = [];
    // uPlot is a classic script: it is there before any module runs.
    this.#plot = new globalThis["uPlot"](
      options,
      /** @type {import("uplot").AlignedData} */ (table),
      this.place,
    );
  }

  /** All lines on one axis: a job's figures, and where there is smoothing the smoothed ones behind. @param {View} view */
  #table(view) {
    const guard = (/** @type {(number | null)[]} */ values) =>
      view.y === "log" ? values.map((value) => (value ?? 0) > 0 ? value : null) : values;
    const tables = this.lines.map(({ data }) => {
      const columns = data.series.get(this.metric);
      const last = columns?.last ?? [];
      const drawn = view.smooth > 0 ? [last, smooth(last, view.smooth)] : [last];
      const places = columns === undefined
        ? []
        : positions(columns, view.x, { originStep: data.originStep, stepsPerEpoch: null });
      return inOrder(places, drawn.map(guard));
    });
    return globalThis["uPlot"].join(/** @type {any} */ (tables));
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.place;
    if (this.#plot !== null && width > 0 && height > 0) this.#plot.setSize({ width, height });
  }

  /** Writes each job's figure under the pointer, or its newest. @param {number | null} at Index into the plot's data. */
  #tell(at) {
    const each = this.#view !== undefined && this.#view.smooth > 0 ? 2 : 1;
    const place = at === null ? null : this.#plot?.data[0][at] ?? null;
    const parts = this.lines.flatMap(({ name, data }, line) => {
      const value = at === null
        ? data.series.get(this.metric)?.last.at(-1)
        : newestUpTo(this.#plot?.data[each * line + each] ?? [], at);
      return typeof value === "number" ? [`${name} ${this.write(value)}`] : [];
    });
    const text = `${place === null ? "" : `${decimal(place)}: `}${parts.join("  ")}`;
    if (this.readout.textContent === text) return;
    this.readout.textContent = text;
    this.readout.title = text;
    this.place.setAttribute("role", "img");
    this.place.setAttribute("aria-label", `${this.title}: ${text}`);
  }
}

/** A line of one point is a dot. @param {UPlot} plot @param {number} series */
function alone(plot, series) {
  let found = 0;
  for (const value of plot.data[series] ?? []) {
    if (typeof value === "number" && ++found > 1) return false;
  }
  return found === 1;
}

/** A line has no figure at another line's places: the one before it counts. @param {ArrayLike<number | null | undefined>} values @param {number} at */
function newestUpTo(values, at) {
  for (let index = at; index >= 0; index--) {
    const value = values[index];
    if (value !== undefined) return value;
  }
  return null;
}
