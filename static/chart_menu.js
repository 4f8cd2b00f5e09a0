// @ts-check
import { save, toCsv, toPng, toTable } from "./chart_export.js";

/**
 * What a chart's menu needs of it.
 * @typedef {object} ExportedChart
 * @property {string} id
 * @property {string} title
 * @property {HTMLElement} figure
 * @property {Map<string, import("./metric_data.js").Columns>} series
 * @property {HTMLCanvasElement | null} canvas
 */

/** Binds the menu of a chart: the table behind it, PNG, CSV. @param {ExportedChart} chart */
export function bindChartMenu(chart) {
  const table = /** @type {HTMLElement} */ (chart.figure.querySelector("[data-table]"));
  const name = `${document.body.dataset["name"]}-${chart.id}`;
  chart.figure.addEventListener("click", async (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-chart-action]");
    if (!(button instanceof HTMLElement)) return;
    button.closest("details")?.removeAttribute("open");
    const action = button.dataset["chartAction"];
    if (action === "csv") {
      save(new Blob([toCsv(chart.series)], { type: "text/csv" }), `${name}.csv`);
    }
    if (action === "png" && chart.canvas !== null) {
      const look = getComputedStyle(chart.figure);
      const style = { panel: look.backgroundColor, text: look.color, font: look.fontFamily };
      const png = await toPng(
        chart.canvas,
        `${document.body.dataset["name"]}: ${chart.title}`,
        style,
      );
      if (png !== null) save(png, `${name}.png`);
    }
    if (action !== "table") return;
    table.hidden = !table.hidden;
    button.textContent = table.hidden ? "Show as table" : "Hide the table";
    if (!table.hidden) table.replaceChildren(toTable(chart.title, chart.series));
  });
}
