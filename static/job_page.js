// @ts-check
import { refresh, startEventStream } from "./event_stream.js";
import { JobCharts } from "./job_charts.js";
import { showProgress } from "./job_progress.js";
import { LiveFigures } from "./live_figures.js";
import { startPage } from "./page.js";
import { announce } from "./receipt.js";
import { startStickyLogs } from "./sticky_log.js";
import { startTabs } from "./tabs.js";
import { setViewState, viewState } from "./view_state.js";

/** Parts of the page that each type of event of this job makes due. @type {Record<string, string[]>} */
const DUE = {
  newRun: ["job:header", "job:family"],
  state_changed: ["job:header", "job:family", "job:commands"],
  session_started: ["job:header", "job:family"],
  test_complete: ["job:header", "job:family", "job:markers"],
  auto_test_complete: ["job:header", "job:family", "job:markers"],
  checkpoint_saved: ["job:checkpoints", "job:markers"],
  checkpoint_loaded: ["job:header", "job:markers", "job:metrics"],
  session_reset: ["job:header", "job:markers", "job:metrics"],
  replay_diverged: ["job:header", "job:metrics"],
  recovered: ["job:header", "job:markers", "job:metrics"],
  paused: ["job:markers"],
  resumed: ["job:markers"],
  hparams_changed: ["job:markers", "job:family", "job:header"],
  command_applied: ["job:commands"],
  health: ["job:health", "job:markers"],
  log: ["job:log"],
  error: ["job:log", "job:header"],
  merge_gate: ["job:gate"],
  finalizeRun: ["job:header", "job:family"],
};
/** Of a relative, only what its line in the tree shows. */
const RELATIVE = new Set(["newRun", "state_changed", "finalizeRun"]);
const EVERYTHING = new Set(Object.values(DUE).flat());
const MOVING = new Set(["starting", "running", "pausing", "recovering", "stopping"]);
const MARKERS_MS = 250;

const { job = "", name = "", colour = "0", originStep = "0" } = document.body.dataset;
document.getElementById("charts")?.classList.add(`line-${colour}`);

startPage();
startTabs();
startStickyLogs();
const charts = new JobCharts(job, Number(originStep));
const figures = new LiveFigures();

startEventStream(({ type, seq, data }) => {
  if (data.job !== job) {
    if (RELATIVE.has(type)) refresh(["job:family", "job:markers"]);
    return;
  }
  charts.append({ type, seq, data });
  if (type === "trainStep") figures.show(data);
  if (type === "progress") showProgress(data);
  if (type === "state_changed") announce(`${name} is ${data.to}`);
  if (type === "state_changed" && !MOVING.has(data.to)) figures.stop();
  refresh(DUE[type] ?? []);
}, () => refresh(EVERYTHING));

document.body.addEventListener("job:metrics", () => charts.refetchSoon());
/** @type {ReturnType<typeof setTimeout> | undefined} */
let markersTimer;
document.body.addEventListener("job:markers", () => {
  markersTimer ??= setTimeout(() => {
    markersTimer = undefined;
    void charts.refetchMarkers();
  }, MARKERS_MS);
});
document.addEventListener("htmx:after:swap", () => {
  const { allowed = "", hparams = "{}" } = document.getElementById("job-facts")?.dataset ?? {};
  document.querySelector("form[data-hparams]")
    ?.toggleAttribute("data-refused", !allowed.split(" ").includes("hparams"));
  // The learning rate that a schedule moves is shown as it is, by the live figures.
  const { lr: _, ...texts } = /** @type {Record<string, string>} */ (JSON.parse(hparams));
  for (const [name, text] of Object.entries(texts)) {
    const field = document.getElementById(`field-${name.replaceAll(".", "-")}`);
    if (field instanceof HTMLInputElement) field.placeholder = text;
  }
});

void charts.refetch().then(() => figures.showLr(charts.data.series.get("lr")?.last.at(-1)));
void charts.refetchMarkers();
openAddressedDialog();

/** `?dialog=fork` opens that dialog: how a list's shortcut gets here. */
function openAddressedDialog() {
  const dialog = viewState("dialog");
  if (dialog === null) return;
  setViewState({ dialog: null });
  // htmx binds the buttons when the document is ready, which comes after the modules.
  addEventListener("load", () => document.getElementById(`open-${dialog}`)?.click(), {
    once: true,
  });
}
