// @ts-check
import { setViewState, viewState } from "./view_state.js";

/**
 * The small charts in groups, one of which is shown; the address keeps which.
 * @param {() => void} onShow Told when charts have come into view.
 */
export function startChartGroups(onShow) {
  const buttons = [...document.querySelectorAll("button[data-chart-group]")]
    .filter((button) => button instanceof HTMLButtonElement);
  for (const button of buttons) {
    button.addEventListener("click", () => {
      show(button.dataset["chartGroup"] ?? "", buttons);
      onShow();
    });
  }
  const wanted = viewState("charts");
  if (buttons.some(({ dataset }) => dataset["chartGroup"] === wanted)) show(wanted ?? "", buttons);
}

/** @param {string} group @param {HTMLButtonElement[]} buttons */
function show(group, buttons) {
  for (const button of buttons) {
    const id = button.dataset["chartGroup"] ?? "";
    button.setAttribute("aria-pressed", String(id === group));
    document.getElementById(`charts-${id}`)?.toggleAttribute("hidden", id !== group);
  }
  setViewState({ charts: group === buttons[0]?.dataset["chartGroup"] ? null : group });
}
