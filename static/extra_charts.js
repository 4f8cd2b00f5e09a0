// @ts-check
/**
 * A chart of figures that the page did not know of: a module's own.
 * @typedef {{ title: string, train: string, val: string, test: string }} ExtraChart
 */

/** More of them than this no page has room for. */
const MOST = 24;

/**
 * The charts that are missing: one for each figure that no chart draws, with what validations and
 * tests have of it. Cells of a matrix (`confusion/0/1`) are no curves.
 * @param {readonly string[]} available Names of the series there are.
 * @param {readonly string[]} drawn Names of the series that have a chart.
 * @returns {ExtraChart[]}
 */
export function missingCharts(available, drawn) {
  const known = new Set(drawn);
  /** @type {Map<string, ExtraChart>} */
  const charts = new Map();
  for (const name of available) {
    if (known.has(name) || name.includes("/")) continue;
    const title = name.replace(/^(val|test)_/, "");
    charts.set(title, { title, train: title, val: `val_${title}`, test: `test_${title}` });
  }
  return [...charts.values()].slice(0, MOST);
}

/**
 * Puts a chart's figure behind the others, made after the page's template.
 * @param {ExtraChart} chart
 * @returns {HTMLElement | null} Null on a page that has no template.
 */
export function addFigure({ title, train, val, test }) {
  const template = document.getElementById("chart-template");
  const place = document.querySelector(".charts-small");
  if (!(template instanceof HTMLTemplateElement) || place === null) return null;
  const figure = template.content.firstElementChild?.cloneNode(true);
  if (!(figure instanceof HTMLElement)) return null;
  figure.id = `chart-own-${title}`;
  Object.assign(figure.dataset, { chart: `own-${title}`, title, train, val, test });
  const heading = figure.querySelector("h2");
  if (heading !== null) heading.textContent = title;
  figure.querySelector("summary")?.setAttribute("aria-label", `${title}: table and downloads`);
  place.append(figure);
  return figure;
}
