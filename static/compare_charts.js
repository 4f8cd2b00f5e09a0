// @ts-check
import { callApi } from "./api_call.js";
import { stepsWithin } from "./chart_axis.js";
import { bindChartMenu } from "./chart_menu.js";
import { chartView, showView, startToolbar } from "./chart_toolbar.js";
import { MetricData } from "./metric_data.js";
import { OverlayChart } from "./overlay_chart.js";
/** @typedef {import("./event_stream.js").StreamEvent} StreamEvent */
/** @typedef {import("./overlay_chart.js").ComparedLine} ComparedLine */

/** Points asked for: one for each pixel of a wide chart is more than an eye can tell. */
const MOST_POINTS = 1200;
/** Frames of a job drawn as they came; then the server's buckets, which hold every step, take their place. */
const MOST_FRAMES = 120;
/** Least time between two questions to the server that no person asked for. */
const REFETCH_MS = 1000;

/** The charts of `/compare`: several jobs' history from the server, then the stream behind it. */
export class CompareCharts {
  #view = chartView("axis");
  #drawn = true;
  /** Counts the questions to the server: an answer to an older one is dropped. */
  #asked = 0;
  /** Events that came while an answer was under way. @type {StreamEvent[]} */
  #waiting = [];
  #fetching = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {import("./overlay_chart.js").ComparedJob[]} jobs */
  constructor(jobs) {
    /** @type {ComparedLine[]} */
    this.lines = jobs.map((job) => ({ ...job, data: new MetricData([], job.originStep) }));
    const gestures = { zoom: this.#zoom.bind(this), reset: () => this.#range(null, null) };
    this.charts = [...document.querySelectorAll("figure[data-chart]")]
      .filter((figure) => figure instanceof HTMLElement)
      .map((figure) => new OverlayChart(figure, this.lines, gestures));
    for (const chart of this.charts) bindChartMenu(chart);
    this.form = /** @type {HTMLFormElement} */ (document.querySelector("[data-chart-toolbar]"));
    startToolbar(this.form, this.#view, (change) => this.#change(change), "axis");
    document.addEventListener("theme:changed", () => {
      for (const chart of this.charts) chart.invalidate();
      this.schedule();
    });
    document.addEventListener("visibilitychange", () => this.schedule());
  }

  /** Adds an event of one of the jobs. @param {StreamEvent} event */
  append(event) {
    const line = this.lines.find(({ id }) => id === event.data["job"]);
    if (line === undefined) return;
    if (this.#fetching) this.#waiting.push(event);
    const range = this.#stepsOf(line);
    if (range !== null && !(event.data["step"] <= range.to)) return;
    const inLine = line.data.append(event);
    if (!inLine || line.data.appended > MOST_FRAMES) this.refetchSoon();
    this.schedule();
  }

  /** Asks again, not more often than once a second. */
  refetchSoon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.refetch();
    }, REFETCH_MS);
  }

  /** Asks the server for the lines of all jobs in the chosen range. */
  async refetch() {
    const asked = ++this.#asked;
    this.#fetching = true;
    this.#waiting = [];
    const shown = this.charts.filter((chart) => chart.shown);
    const names = shown.map((chart) => chart.metric);
    const width = Math.max(300, ...shown.map((chart) => chart.place.clientWidth));
    const answers = await Promise.all(this.lines.map((line) => {
      const query = new URLSearchParams({
        series: names.join(","),
        points: String(Math.min(MOST_POINTS, Math.round(width))),
      });
      const range = this.#stepsOf(line);
      if (range !== null) query.set("from", String(range.from));
      if (range !== null && range.to < Infinity) query.set("to", String(range.to));
      return callApi(`GET /jobs/${line.id}/metrics?${query}`);
    }));
    if (asked !== this.#asked) return;
    this.#fetching = false;
    for (const [at, answer] of answers.entries()) {
      const data = this.lines[at]?.data;
      if (data === undefined || !answer.ok) continue;
      data.names = names;
      data.replace(/** @type {any} */ (answer.body));
    }
    for (const event of this.#waiting.splice(0)) this.append(event);
    this.schedule();
  }

  /** Draws with the next frame; a hidden tab draws when it is seen again. */
  schedule() {
    if (!this.#drawn) return;
    this.#drawn = false;
    requestAnimationFrame(() => {
      this.#drawn = true;
      if (document.hidden) return;
      for (const chart of this.charts) if (chart.shown) chart.draw(this.#view);
    });
  }

  /**
   * A job's own steps in the chosen range, which is one of the axis; null where all of them are.
   * @param {ComparedLine} line
   */
  #stepsOf({ originStep }) {
    const { x, from, to } = this.#view;
    if (from === null && to === null) return null;
    const facts = { originStep, stepsPerEpoch: null };
    const none = { from: Number.MAX_SAFE_INTEGER, to: Number.MAX_SAFE_INTEGER };
    return stepsWithin(from ?? 0, to ?? Infinity, x, facts, undefined) ?? none;
  }

  /** @param {Partial<import("./chart_toolbar.js").ChartView>} change */
  #change(change) {
    // A stretch of one axis is none of the other's.
    const moved = "x" in change && change.x !== this.#view.x ? { from: null, to: null } : {};
    this.#view = { ...this.#view, ...moved, ...change };
    showView(this.form, this.#view, "axis");
    if ("from" in moved || "from" in change || "to" in change) void this.refetch();
    this.schedule();
  }

  /** @param {number | null} from @param {number | null} to */
  #range(from, to) {
    // Synchronised charts all report the one gesture; the first has said it.
    if (from === this.#view.from && to === this.#view.to) return;
    this.#change({ from, to });
  }

  /** @param {number} low @param {number} high */
  #zoom(low, high) {
    const [from, to] = [Math.max(0, Math.ceil(low)), Math.floor(high)];
    if (from <= to) this.#range(from, to);
  }
}
