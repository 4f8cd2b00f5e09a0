// @ts-check
import { AXIS_NAMES } from "./chart_axis.js";
import { decimal, whole } from "./figures.js";
/** @typedef {import("./metric_data.js").Columns} Columns */

/** Rows that the table behind a chart shows at most. */
const TABLE_ROWS = 400;

/**
 * Everything that a chart's series hold, as CSV.
 * @param {Map<string, Columns>} series
 */
export function toCsv(series) {
  const rows = ["series,step,axis_step,ts,epoch,min,max,last"];
  for (const [name, columns] of series) {
    for (const [at, step] of columns.step.entries()) {
      rows.push([
        name,
        step,
        columns.axis[at],
        columns.ts[at],
        columns.epoch[at],
        columns.min[at] ?? "",
        columns.max[at] ?? "",
        columns.last[at] ?? "",
      ].join(","));
    }
  }
  return rows.join("\r\n") + "\r\n";
}

/**
 * The table behind a chart: one row a step, one column a series.
 * @param {string} title
 * @param {Map<string, Columns>} series
 */
export function toTable(title, series) {
  /** @type {Map<number, Map<string, number | null>>} */
  const rows = new Map();
  for (const [name, columns] of series) {
    for (const [at, step] of columns.step.entries()) {
      const row = rows.get(step) ?? new Map();
      rows.set(step, row.set(name, columns.last[at] ?? null));
    }
  }
  const steps = [...rows.keys()].sort((a, b) => b - a);
  const table = document.createElement("table");
  table.className = "data";
  const caption = table.createCaption();
  caption.textContent = steps.length > TABLE_ROWS
    ? `${title}: the newest ${TABLE_ROWS} of ${whole(steps.length)} points; CSV has them all`
    : `${title}: ${whole(steps.length)} points`;
  const head = table.createTHead().insertRow();
  for (const name of [AXIS_NAMES.step, ...series.keys()]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.className = "number";
    cell.textContent = name;
    head.append(cell);
  }
  const body = table.createTBody();
  for (const step of steps.slice(0, TABLE_ROWS)) {
    const row = body.insertRow();
    addCell(row, whole(step));
    for (const name of series.keys()) addCell(row, decimal(rows.get(step)?.get(name)));
  }
  return table;
}

/** @param {HTMLTableRowElement} row @param {string} text */
function addCell(row, text) {
  const cell = row.insertCell();
  cell.className = "number";
  cell.textContent = text;
}

/**
 * The chart as drawn, with its title, on its background.
 * @param {HTMLCanvasElement} canvas
 * @param {string} title
 * @param {{ panel: string, text: string, font: string }} look
 * @returns {Promise<Blob | null>}
 */
export function toPng(canvas, title, look) {
  const ratio = devicePixelRatio;
  const head = 26 * ratio;
  const picture = document.createElement("canvas");
  picture.width = canvas.width;
  picture.height = canvas.height + head;
  const ctx = picture.getContext("2d");
  if (ctx === null) return Promise.resolve(null);
  ctx.fillStyle = look.panel;
  ctx.fillRect(0, 0, picture.width, picture.height);
  ctx.fillStyle = look.text;
  ctx.font = `600 ${13 * ratio}px ${look.font}`;
  ctx.fillText(title, 8 * ratio, 18 * ratio);
  ctx.drawImage(canvas, 0, head);
  return new Promise((resolve) => picture.toBlob(resolve));
}

/**
 * Hands a file to the browser's downloads.
 * @param {Blob} blob @param {string} name
 */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The download has begun, yet may not have read it all.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
