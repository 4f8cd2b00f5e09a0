// @ts-check
/**
 * Points of one series in columns, ascending by step: what `GET /jobs/{id}/metrics` answers, and
 * what the stream adds behind it.
 * @typedef {object} Columns
 * @property {number[]} step
 * @property {number[]} axis
 * @property {number[]} ts Milliseconds.
 * @property {number[]} epoch
 * @property {(number | null)[]} min
 * @property {(number | null)[]} max
 * @property {(number | null)[]} last
 */
/** @typedef {import("./event_stream.js").StreamEvent} StreamEvent */
/** @typedef {{ step: number, axis_step: number, ts: number, epoch: number, min: number | null, max: number | null, last: number | null }} Point */

/** Where the figures of events that are no trainStep go. @type {Record<string, Record<string, string>>} */
const FIGURES = {
  validation: { val_loss: "val_loss", val_accuracy: "val_accuracy" },
  test_complete: { loss: "test_loss", accuracy: "test_accuracy" },
  auto_test_complete: { loss: "test_loss", accuracy: "test_accuracy" },
};

/** The series of one job as far as the page has them. */
export class MetricData {
  /** @type {Map<string, Columns>} */
  series = new Map();
  /** The last event that the server's answer reflects. */
  seq = 0;
  /** Frames of steps that were added behind it. */
  appended = 0;

  /** @param {string[]} names @param {number} originStep Axis step where the job's own step is 0. */
  constructor(names, originStep) {
    this.names = names;
    this.originStep = originStep;
  }

  /** @param {{ series: Record<string, Point[]>, last_event_seq: number }} answer */
  replace(answer) {
    this.seq = answer.last_event_seq;
    this.appended = 0;
    this.series = new Map(
      this.names.map((name) => [name, columnsOf(answer.series[name] ?? [])]),
    );
  }

  /**
   * Adds what an event says.
   * @param {StreamEvent} event
   * @returns {boolean} False when the event goes back in steps: then only the server knows the line.
   */
  append({ type, seq, data }) {
    if (seq <= this.seq) return true;
    if (type === "trainStep") this.appended += 1;
    if (type === "trainStep") return this.#appendStep(data);
    const names = FIGURES[type];
    if (names === undefined || (type !== "validation" && data.split !== "test")) return true;
    const split = type === "validation" ? "val" : "test";
    const figures = [
      ...Object.entries(names).map(([field, name]) => [name, data[field]]),
      ...Object.entries(data.metrics ?? {}).map(([name, value]) => [`${split}_${name}`, value]),
    ];
    return figures.every(([name, value]) =>
      typeof value !== "number" || this.#push(name, data, value)
    );
  }

  /** @param {Record<string, any>} data */
  #appendStep(data) {
    return this.names.every((name) => {
      // What a step repeats of the newest validation is in that validation's own event.
      if (name.startsWith("val_")) return true;
      const value = data[name];
      // A figure that was not sampled is no point; a loss that is null was not finite, and a gap.
      if (value === undefined || (value === null && name !== "loss")) return true;
      const sampled = name === "loss" ? data.sampled : undefined;
      return this.#push(name, data, value, sampled?.loss_min, sampled?.loss_max);
    });
  }

  /**
   * @param {string} name @param {Record<string, any>} data @param {number | null} value
   * @param {number | null} [min] @param {number | null} [max]
   */
  #push(name, data, value, min = value, max = value) {
    const columns = this.series.get(name);
    if (columns === undefined) return true;
    const last = columns.step.at(-1);
    if (last !== undefined && data.step < last) return false;
    // A second figure of one step takes the first one's place.
    if (data.step === last) { for (const column of Object.values(columns)) column.pop(); }
    columns.step.push(data.step);
    columns.axis.push(data.axis_step ?? this.originStep + data.step);
    columns.ts.push(data.ts);
    columns.epoch.push(data.epoch);
    columns.min.push(min);
    columns.max.push(max);
    columns.last.push(value);
    return true;
  }
}

/** @param {Point[]} points @returns {Columns} */
function columnsOf(points) {
  return {
    step: points.map((point) => point.step),
    axis: points.map((point) => point.axis_step),
    ts: points.map((point) => point.ts),
    epoch: points.map((point) => point.epoch),
    min: points.map((point) => point.min),
    max: points.map((point) => point.max),
    last: points.map((point) => point.last),
  };
}
