// @ts-check
import { callApi } from "./api_call.js";
import { startChartGroups } from "./chart_groups.js";
import { Chart } from "./chart.js";
import { stepsWithin } from "./chart_axis.js";
import { bindChartMenu } from "./chart_menu.js";
import { chartView, showView, startToolbar } from "./chart_toolbar.js";
import { addFigure, missingCharts } from "./extra_charts.js";
import { MetricData } from "./metric_data.js";
import { choose } from "./tabs.js";
/** @typedef {import("./event_stream.js").StreamEvent} StreamEvent */

/** Points asked for: one for each pixel of a wide chart is more than an eye can tell. */
const MOST_POINTS = 1200;
/** The small charts follow at this pace, so that the main ones have the time they need. */
const SMALL_MS = 250;
/** Frames drawn as they came; then the server's buckets, which hold every step, take their place. */
const MOST_FRAMES = 120;
/** Least time between two questions to the server that no person asked for. */
const REFETCH_MS = 1000;

/** The charts of a job's page: history from the server, then the stream behind it without a seam. */
export class JobCharts {
  #view = chartView();
  /** @type {import("./chart.js").Marker[]} */
  #markers = [];
  /** Events that came while an answer was under way. @type {StreamEvent[]} */
  #waiting = [];
  #fetching = false;
  #again = false;
  #fetchedAt = -Infinity;
  #drawn = true;
  #allDrawnAt = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #rest;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {string} job @param {number} originStep */
  constructor(job, originStep) {
    this.job = job;
    this.originStep = originStep;
    const figures = [...document.querySelectorAll("figure[data-chart]")]
      .filter((figure) => figure instanceof HTMLElement);
    const names = figures.flatMap((
      { dataset },
    ) => [dataset["train"], dataset["val"], dataset["test"]]);
    this.data = new MetricData(names.filter((name) => name !== undefined), originStep);
    /** @type {Chart[]} */
    this.charts = [];
    for (const figure of figures) this.#add(figure);
    this.form = /** @type {HTMLFormElement} */ (document.querySelector("[data-chart-toolbar]"));
    startToolbar(this.form, this.#view, (change) => this.#change(change));
    document.addEventListener("theme:changed", () => {
      for (const chart of this.charts) chart.invalidate();
      this.#schedule();
    });
    document.addEventListener("visibilitychange", () => this.#draw());
    startChartGroups(() => this.#schedule());
  }

  /** Adds an event of this job. @param {StreamEvent} event */
  append(event) {
    if (this.#fetching) this.#waiting.push(event);
    if (this.#view.to !== null && event.data["step"] > this.#view.to) return;
    const inLine = this.data.append(event);
    if (!inLine || this.data.appended > MOST_FRAMES) this.refetchSoon();
    this.#schedule();
  }

  /** Asks again, not more often than once a second. */
  refetchSoon() {
    if (this.#timer !== undefined) return;
    const wait = Math.max(0, this.#fetchedAt + REFETCH_MS - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.refetch();
    }, wait);
  }

  /** Asks the server for the lines of the chosen range. */
  async refetch() {
    if (this.#fetching) {
      this.#again = true;
      return;
    }
    this.#fetching = true;
    this.#fetchedAt = performance.now();
    const { from, to } = this.#view;
    const width = Math.max(300, ...this.charts.map((chart) => chart.place.clientWidth));
    const query = new URLSearchParams({
      series: this.data.names.join(","),
      points: String(Math.min(MOST_POINTS, Math.round(width))),
    });
    if (from !== null) query.set("from", String(from));
    if (to !== null) query.set("to", String(to));
    const answer = await callApi(`GET /jobs/${this.job}/metrics?${query}`);
    this.#fetching = false;
    if (answer.ok) {
      this.data.replace(/** @type {any} */ (answer.body));
      this.#addMissing(answer.body["available"] ?? []);
      for (const event of this.#waiting) {
        if (to === null || !(event.data["step"] > to)) this.data.append(event);
      }
    }
    this.#waiting = [];
    this.#schedule();
    if (this.#again) {
      this.#again = false;
      await this.refetch();
    }
  }

  /** @param {HTMLElement} figure */
  #add(figure) {
    const gestures = {
      zoom: this.#zoom.bind(this),
      reset: () => this.#change({ from: null, to: null }),
      open: openMarker,
    };
    const chart = new Chart(figure, this.data, () => this.#facts(), gestures);
    this.charts.push(chart);
    bindChartMenu(chart);
  }

  /** Figures that the module brought get a chart of their own. @param {string[]} available */
  #addMissing(available) {
    for (const chart of missingCharts(available, this.data.names)) {
      const figure = addFigure(chart);
      if (figure === null) return;
      this.#add(figure);
      this.data.names.push(chart.train, chart.val, chart.test);
      this.#again = true;
    }
  }

  /** Asks for the markers on the time axis. */
  async refetchMarkers() {
    const answer = await callApi(`GET /fragments/jobs/${this.job}/markers`);
    if (answer.ok) this.#markers = answer.body["items"];
    this.#schedule();
  }

  #facts() {
    const text = document.getElementById("job-facts")?.dataset["stepsPerEpoch"] ?? "";
    return { originStep: this.originStep, stepsPerEpoch: text === "" ? null : Number(text) };
  }

  /** @param {Partial<import("./chart_toolbar.js").ChartView>} change */
  #change(change) {
    const range = "from" in change || "to" in change;
    this.#view = { ...this.#view, ...change };
    showView(this.form, this.#view);
    if (range) void this.refetch();
    this.#schedule();
  }

  /** @param {number} low @param {number} high @param {Chart} chart */
  #zoom(low, high, chart) {
    const columns = chart.names.map((name) => this.data.series.get(name))
      .find((one) => (one?.step.length ?? 0) > 0);
    const range = stepsWithin(low, high, this.#view.x, this.#facts(), columns);
    if (range === null) return;
    // Synchronised charts all report the one drag; the first has said it.
    if (range.from === this.#view.from && range.to === this.#view.to) return;
    this.#change(range);
  }

  #schedule() {
    if (!this.#drawn) return;
    this.#drawn = false;
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    // A hidden tab draws nothing; it is drawn when it is seen again.
    if (document.hidden) return;
    this.#drawn = true;
    const now = performance.now();
    const all = now - this.#allDrawnAt >= SMALL_MS;
    if (all) this.#allDrawnAt = now;
    for (const chart of this.charts) {
      const seen = chart.place.clientWidth > 0;
      if (seen && (all || chart.main)) chart.draw(this.#view, this.#markers);
    }
    clearTimeout(this.#rest);
    if (!all) this.#rest = setTimeout(() => this.#schedule(), SMALL_MS);
  }
}

/** Goes where a marker leads: a tab of this page, or another job. @param {string} href */
function openMarker(href) {
  if (!href.startsWith("?")) return location.assign(href);
  const url = new URL(href, location.href);
  choose(url.searchParams.get("tab") ?? "log");
  const row = document.getElementById(url.hash.slice(1) || `tab-${url.searchParams.get("tab")}`);
  row?.scrollIntoView({ block: "center" });
  const stop = row?.querySelector("[data-nav]");
  if (stop instanceof HTMLElement) stop.focus({ preventScroll: true });
}
