// @ts-check
import { decimal, percent, whole } from "./figures.js";

/** Seconds over which the speed is averaged. */
const WINDOW_S = 3;

/** Moves the numbers in the head of a job's page with every frame of the stream. */
export class LiveFigures {
  /** @type {{ step: number, ts: number }[]} */
  #recent = [];

  /** @param {Record<string, any>} data A trainStep. */
  show(data) {
    write("step", whole(data.step));
    write("epoch", whole(data.epoch));
    if (data.loss !== undefined) write("loss", decimal(data.loss));
    if (typeof data.accuracy === "number") write("accuracy", percent(data.accuracy));
    if (typeof data.lr === "number") this.showLr(data.lr);
    this.#recent.push({ step: data.step, ts: data.ts });
    while ((this.#recent[0]?.ts ?? 0) < data.ts - WINDOW_S * 1000) this.#recent.shift();
    const first = this.#recent[0];
    if (first === undefined || data.ts - first.ts < 200) return;
    const speed = (data.step - first.step) / ((data.ts - first.ts) / 1000);
    if (speed >= 0) write("steps_per_s", speed >= 10 ? whole(Math.round(speed)) : decimal(speed));
  }

  /** The rate in effect stands in the empty field that changes it. @param {number | null | undefined} lr */
  showLr(lr) {
    const field = document.getElementById("field-lr");
    if (field instanceof HTMLInputElement && lr != null) field.placeholder = decimal(lr);
  }

  /** Nothing moves: there is no speed. */
  stop() {
    this.#recent = [];
    write("steps_per_s", "–");
  }
}

/** @param {string} name @param {string} text */
function write(name, text) {
  const place = document.getElementById(`live-${name}`);
  if (place !== null && place.textContent !== text) place.textContent = text;
}
