// @ts-check
/** Numbers as the pages write them: on the server that renders them and in the browser that moves them. */

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const NONE = "–";

/**
 * `1204` becomes `1,204`.
 * @param {number | null | undefined} value
 */
export function whole(value) {
  return value === null || value === undefined ? NONE : WHOLE.format(value);
}

/**
 * Four significant digits, exponents for the very small and very large: `0.3121`, `2.5e-7`.
 * @param {number | null | undefined} value
 */
export function decimal(value) {
  if (value === null || value === undefined) return NONE;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e3 && size < 1e7) return whole(value);
  if (size >= 1e7 || size < 1e-3) {
    return value.toExponential(2).replace("e+", "e").replace(/\.?0+e/, "e");
  }
  return value.toPrecision(4).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

/**
 * A share in [0, 1] as per cent with one decimal: `97.3%`.
 * @param {number | null | undefined} value
 */
export function percent(value) {
  return value === null || value === undefined ? NONE : `${(value * 100).toFixed(1)}%`;
}

/**
 * Bytes in binary units: `1.4 MiB`.
 * @param {number} bytes
 */
export function byteSize(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

/**
 * A span of milliseconds: `430 ms`, `12.4 s`, `3 min 05 s`, `2 h 10 min`.
 * @param {number} ms
 */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/**
 * A moment as UTC text for a `<time>` element; `static/local_time.js` turns it into the reader's zone.
 * @param {number} ms
 */
export function moment(ms) {
  return new Date(ms).toISOString().replace("T", " ").slice(0, 19);
}

/**
 * A config value or the like, short enough for a table cell.
 * @param {unknown} value
 */
export function brief(value) {
  if (value === null || value === undefined) return NONE;
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isInteger(value) ? whole(value) : decimal(value);
  return JSON.stringify(value);
}

/**
 * What changed: `lr 0.1 → 0.01, schedule module → cosine`; empty where nothing did.
 * @param {Record<string, { from: unknown, to: unknown }>} changed
 */
export function changeText(changed) {
  return Object.entries(changed)
    .map(([name, { from, to }]) => `${name} ${named(from)} → ${named(to)}`)
    .join(", ");
}

/** A schedule goes by its name. @param {unknown} value */
function named(value) {
  const isNamed = typeof value === "object" && value !== null && "name" in value;
  return brief(isNamed ? value.name : value);
}
