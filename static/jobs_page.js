// @ts-check
import { startCompareChoice } from "./compare_choice.js";
import { refresh, startEventStream } from "./event_stream.js";
import { startPage } from "./page.js";
import { setViewState } from "./view_state.js";

startPage();
startEventStream(() => refresh(["page:jobs"]), () => refresh(["page:jobs"]));
startFilters();
startCompareChoice();

/** The filters: into the address, and into the address of the list's own refreshes. */
function startFilters() {
  const form = document.querySelector("form[data-filters]");
  const list = document.getElementById("jobs");
  if (!(form instanceof HTMLFormElement) || list === null) return;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    const values = new FormData(form);
    /** @type {Record<string, string | null>} */
    const settings = {};
    for (const name of ["state", "project", "q"]) settings[name] = String(values.get(name) ?? "");
    setViewState(settings);
    list.setAttribute("hx-get", `/fragments/jobs${location.search}`);
    refresh(["page:jobs"]);
  });
}
