// @ts-check
import { callApi } from "./api_call.js";
import { startEventStream } from "./event_stream.js";
import { showProgress } from "./job_progress.js";
import { LossPanel } from "./loss_panel.js";
import { startPage } from "./page.js";
import { PickedSamples } from "./picked_samples.js";
import { say } from "./receipt.js";
import { viewState } from "./view_state.js";
/** @typedef {import("../runtime/protocol/report.ts").ReportRecord} ReportRecord */

const { job = "", report: reportText = "null" } = document.body.dataset;
/** @type {ReportRecord | null} */
const report = JSON.parse(reportText);

startPage();
startEventStream(({ type, data }) => {
  if (type === "progress") showProgress(data);
}, () => {});

document.addEventListener("api:done", (event) => {
  const { command, report: number } = /** @type {CustomEvent} */ (event).detail;
  if (command !== "report") return;
  event.preventDefault();
  location.assign(`/jobs/${job}/inspect?report=${number}`);
});
document.addEventListener("change", ({ target }) => {
  if (target instanceof HTMLSelectElement && target.matches("[data-submits]")) {
    target.form?.submit();
  }
});

if (report !== null) await startReport(report);

/** Draws what there is of a report. @param {ReportRecord} report */
async function startReport(report) {
  const answer = await callApi(`GET /fragments/jobs/${job}/reports/${report.report}/points`);
  if (!answer.ok) return say(answer.problem.detail ?? answer.problem.title, { kind: "problem" });
  const points = /** @type {any} */ (answer.body);
  const picked = new PickedSamples(part("picked"), job, report);
  const losses = new LossPanel(part("loss-panel"), report, picked, points);
  picked.onChange((selection) => losses.show(selection));
  const pick = viewState("pick");
  if (pick !== null) await picked.restore(pick);
}

/** @param {string} id */
function part(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
