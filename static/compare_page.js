// @ts-check
import { CompareCharts } from "./compare_charts.js";
import { refresh, startEventStream } from "./event_stream.js";
import { startPage } from "./page.js";
import { setViewState } from "./view_state.js";

startPage();
/** @type {import("./overlay_chart.js").ComparedJob[]} */
const jobs = JSON.parse(document.body.dataset["jobs"] ?? "[]");
const ids = new Set(jobs.map(({ id }) => id));
const charts = new CompareCharts(jobs);

startEventStream((event) => {
  if (!ids.has(event.data["job"])) return;
  charts.append(event);
  refresh(["page:jobs"]);
}, () => {
  charts.refetchSoon();
  refresh(["page:jobs"]);
});
startMetricChoice();
void charts.refetch();

/** The buttons that choose which figures have a chart; the address keeps them. */
function startMetricChoice() {
  const buttons = [...document.querySelectorAll("button[data-metric]")]
    .filter((button) => button instanceof HTMLButtonElement);
  const pressed = (/** @type {HTMLButtonElement} */ button) =>
    button.getAttribute("aria-pressed") === "true";
  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(!pressed(button)));
      const metric = button.dataset["metric"] ?? "";
      document.getElementById(`chart-${metric}`)?.toggleAttribute("hidden", !pressed(button));
      const chosen = buttons.filter(pressed).map(({ dataset }) => dataset["metric"]);
      setViewState({ metrics: chosen.length === 0 ? "none" : chosen.join(",") });
      void charts.refetch();
    });
  }
}
