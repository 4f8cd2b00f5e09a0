// @ts-check
import { lossPlot, markStretch } from "./loss_plot.js";
/** @typedef {import("./picked_samples.js").PickedSamples} PickedSamples */
/** @typedef {import("../runtime/protocol/report.ts").ReportRecord} ReportRecord */
/** @typedef {import("../jobs/job.ts").StoredSelection} StoredSelection */
/** @typedef {{ kind: "quantile" | "region", from?: number | undefined, to?: number | undefined }} Brushed */

/** Steps of the fields over the range of the losses. */
const STEPS = 200;

/** The distribution of the losses, and the brush that picks a stretch of it. */
export class LossPanel {
  /** @type {import("uplot") | null} */
  #plot = null;
  #order;

  /**
   * @param {HTMLElement} panel @param {ReportRecord} report @param {PickedSamples} picked
   * @param {import("./loss_order.js").LossOrder} order
   */
  constructor(panel, report, picked, order) {
    this.report = report;
    this.picked = picked;
    this.#order = order;
    this.place = /** @type {HTMLElement} */ (panel.querySelector("[data-plot]"));
    this.readout = /** @type {HTMLElement} */ (panel.querySelector("[data-readout]"));
    this.by = /** @type {HTMLSelectElement} */ (panel.querySelector("#brush-by"));
    this.from = /** @type {HTMLInputElement} */ (panel.querySelector("#brush-from"));
    this.to = /** @type {HTMLInputElement} */ (panel.querySelector("#brush-to"));
    panel.querySelector("#brush")?.addEventListener("submit", (event) => event.preventDefault());
    this.by.addEventListener("change", () => this.#convert());
    for (const field of [this.from, this.to]) {
      field.addEventListener("input", () => this.#typed());
    }
    this.#unit();
    if (report.summary.loss.histogram.counts.length < 2) return;
    new ResizeObserver(() => this.draw()).observe(this.place);
    document.addEventListener("theme:changed", () => this.draw());
  }

  /** Draws anew, in the size and colours of now. */
  draw() {
    this.#plot?.destroy();
    this.#plot = lossPlot(this.place, this.report.summary.loss.histogram, {
      drag: (low, high) => this.#dragged(low, high),
      hover: (text) => this.readout.textContent = text,
    });
    this.#mark();
  }

  /** Shows what is picked by loss; nothing where it is picked otherwise. @param {StoredSelection | null} selection */
  show(selection) {
    if (selection?.kind === "quantile" || selection?.kind === "region") {
      this.by.value = selection.kind;
      this.#unit();
      this.#write(selection.from, selection.to);
    } else {
      this.#write(undefined, undefined);
    }
    this.#mark();
  }

  /** The rule that the fields say; null where they say none. @returns {Brushed | null} */
  get #rule() {
    const [from, to] = [this.from, this.to].map(({ value }) =>
      value.trim() === "" ? undefined : Number(value)
    );
    if (from === undefined && to === undefined) return null;
    const kind = /** @type {"quantile" | "region"} */ (this.by.value);
    return kind === "quantile" ? { kind, from: from ?? 0, to: to ?? 1 } : {
      kind,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
    };
  }

  /** @param {number} low @param {number} high */
  #dragged(low, high) {
    const { min, max } = this.report.summary.loss;
    if (this.by.value === "quantile") {
      // What ends at the edge of the plot takes all there is, the ones that are not finite too.
      const to = high >= (max ?? high) ? 1 : this.#order.share(high);
      this.#write(round(this.#order.share(low), 3), round(to, 3));
    } else {
      const from = low <= (min ?? low) ? undefined : Number(low.toPrecision(4));
      const to = high >= (max ?? high) ? undefined : Number(high.toPrecision(4));
      this.#write(from ?? (to === undefined ? Number((min ?? 0).toPrecision(4)) : undefined), to);
    }
    this.#pick();
  }

  #typed() {
    this.#mark();
    this.#pick();
  }

  #pick() {
    const rule = this.#rule;
    if (rule === null) return this.picked.clear();
    const selection = this.report.of === "all" ? { ...rule, of: "all" } : rule;
    const exact = rule.kind === "quantile" || this.#order.whole;
    const count = Math.max(0, this.#order.count(rule));
    this.picked.choose(/** @type {StoredSelection} */ (selection), { count, exact });
  }

  /** The same stretch in the other unit. */
  #convert() {
    const { from, to } = this.#stretch() ?? {};
    this.#unit();
    if (from === undefined || to === undefined) return;
    const { max } = this.report.summary.loss;
    if (this.by.value === "region") {
      this.#write(
        Number(from.toPrecision(4)),
        to >= (max ?? to) ? undefined : Number(to.toPrecision(4)),
      );
    } else {
      const end = to >= (max ?? to) ? 1 : this.#order.share(to);
      this.#write(round(this.#order.share(from), 3), round(end, 3));
    }
    this.#typed();
  }

  /** Losses from and to which the fields reach, whatever their unit was. */
  #stretch(kind = this.by.dataset["unit"] ?? this.by.value) {
    const { min, max } = this.report.summary.loss;
    const [from, to] = [this.from.value, this.to.value];
    if (from.trim() === "" && to.trim() === "") return null;
    if (kind === "region") {
      return {
        from: from.trim() === "" ? min ?? 0 : Number(from),
        to: to.trim() === "" ? max ?? 0 : Number(to),
      };
    }
    const end = to.trim() === "" ? 1 : Number(to);
    return {
      from: this.#order.loss(Number(from)),
      to: end >= 1 ? max ?? 0 : this.#order.loss(end),
    };
  }

  #mark() {
    if (this.#plot === null) return;
    const stretch = this.#stretch();
    if (stretch !== null) return markStretch(this.#plot, stretch.from, stretch.to);
    this.#plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  /** What the fields count in, and how far an arrow key moves them. */
  #unit() {
    const { min, max } = this.report.summary.loss;
    const quantile = this.by.value === "quantile";
    this.by.dataset["unit"] = this.by.value;
    for (const field of [this.from, this.to]) {
      field.step = quantile ? "0.01" : "any";
      field.min = quantile ? "0" : "";
      field.max = quantile ? "1" : "";
      field.placeholder = "";
    }
    this.from.placeholder = quantile ? "0" : "smallest";
    this.to.placeholder = quantile ? "1" : "largest";
    if (!quantile && min !== null && max !== null && max > min) {
      const step = Number(((max - min) / STEPS).toPrecision(1));
      this.from.step = this.to.step = String(step);
    }
  }

  /** @param {number | undefined} from @param {number | undefined} to */
  #write(from, to) {
    this.from.value = from === undefined ? "" : String(from);
    this.to.value = to === undefined ? "" : String(to);
  }
}

/** @param {number} value @param {number} digits */
function round(value, digits) {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
