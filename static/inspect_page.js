// @ts-check
import { callApi } from "./api_call.js";
import { startEventStream } from "./event_stream.js";
import { showProgress } from "./job_progress.js";
import { LossOrder } from "./loss_order.js";
import { LossPanel } from "./loss_panel.js";
import { startPage } from "./page.js";
import { PickedSamples } from "./picked_samples.js";
import { say } from "./receipt.js";
import { ScatterPanel } from "./scatter_panel.js";
import { setViewState, viewState } from "./view_state.js";
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

document.addEventListener("htmx:after:swap", () => {
  const { sort, first } = document.getElementById("sample-page")?.dataset ?? {};
  if (sort === undefined) return;
  setViewState({
    sort: sort === "-loss" ? null : sort,
    first: first === "0" ? null : first ?? null,
  });
});

if (report !== null) await startReport(report);

/** Draws what there is of a report. @param {ReportRecord} report */
async function startReport(report) {
  const answer = await callApi(`GET /fragments/jobs/${job}/reports/${report.report}/points`);
  if (!answer.ok) return say(answer.problem.detail ?? answer.problem.title, { kind: "problem" });
  const points = /** @type {any} */ (answer.body);
  const picked = new PickedSamples(part("picked"), job, report);
  const order = new LossOrder(points.columns["loss"] ?? [], points.samples);
  const losses = new LossPanel(part("loss-panel"), report, picked, order);
  picked.onChange((selection) => losses.show(selection));
  if (points.columns["x"] !== undefined) {
    const scatter = new ScatterPanel(part("places-panel"), report, picked, points, order);
    picked.onEvery((selection) => scatter.show(selection));
  }
  startRules(report, picked);
  const pick = viewState("pick");
  if (pick !== null) await picked.restore(pick);
}

/** The buttons that pick by a rule of their own. @param {ReportRecord} report @param {PickedSamples} picked */
function startRules(report, picked) {
  const of = report.of === "all" ? { of: "all" } : {};
  document.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest("[data-pick]") : null;
    if (!(button instanceof HTMLElement)) return;
    const { pick = "{}", count, then } = button.dataset;
    picked.announce({ ...JSON.parse(pick), ...of }, count === undefined ? null : Number(count));
    if (then === "fork") picked.forkWhenKnown();
  });
  part("hardest").addEventListener("submit", (event) => {
    event.preventDefault();
    const n = Number(/** @type {HTMLInputElement} */ (part("hardest-n")).value);
    picked.announce(/** @type {any} */ ({ kind: "hardest", n, ...of }), n);
  });
}

/** @param {string} id */
function part(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
