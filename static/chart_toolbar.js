// @ts-check
import { setViewState, viewState } from "./view_state.js";
/** @typedef {{ x: import("./chart_axis.js").AxisKind, y: "linear" | "log", smooth: number, from: number | null, to: number | null }} ChartView */

/**
 * The view as the address has it.
 * @param {ChartView["x"]} [usual] The axis where it names none.
 * @returns {ChartView}
 */
export function chartView(usual = "step") {
  const [from = "", to = ""] = (viewState("zoom") ?? "").split("-");
  const x = viewState("x") ?? usual;
  const smooth = Number(viewState("smooth") ?? 0);
  return {
    x: /** @type {ChartView["x"]} */ (["step", "axis", "epoch", "time"].includes(x) ? x : usual),
    y: viewState("y") === "log" ? "log" : "linear",
    smooth: smooth >= 0 && smooth < 1 ? smooth : 0,
    from: whole(from),
    to: whole(to),
  };
}

/**
 * Binds the toolbar to the view: what is changed is drawn, and kept in the address.
 * @param {HTMLFormElement} form
 * @param {ChartView} view
 * @param {(change: Partial<ChartView>) => void} onChange
 * @param {ChartView["x"]} [usual] The axis that the address need not name.
 */
export function startToolbar(form, view, onChange, usual = "step") {
  showView(form, view, usual);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    const control = /** @type {HTMLInputElement} */ (event.target);
    if (control.name === "smooth") onChange({ smooth: Number(control.value) });
  });
  form.addEventListener("change", (event) => {
    const { name, value } = /** @type {HTMLInputElement} */ (event.target);
    if (name === "x" || name === "y") onChange({ [name]: value });
    if (name === "from" || name === "to") onChange({ [name]: whole(value) });
  });
  form.querySelector("[data-zoom-reset]")
    ?.addEventListener("click", () => onChange({ from: null, to: null }));
}

/** @param {HTMLFormElement} form @param {ChartView} view @param {ChartView["x"]} [usual] */
export function showView(form, view, usual = "step") {
  const values = {
    x: view.x,
    y: view.y,
    smooth: view.smooth,
    from: view.from ?? "",
    to: view.to ?? "",
  };
  for (const [name, value] of Object.entries(values)) {
    const control = form.elements.namedItem(name);
    if (control instanceof HTMLInputElement || control instanceof HTMLSelectElement) {
      control.value = String(value);
    }
  }
  const shown = form.querySelector("[data-smooth]");
  if (shown !== null) shown.textContent = String(view.smooth);
  form.querySelector("[data-zoom-reset]")
    ?.toggleAttribute("disabled", view.from === null && view.to === null);
  const zoomed = view.from !== null || view.to !== null;
  setViewState({
    x: view.x === usual ? null : view.x,
    y: view.y === "linear" ? null : view.y,
    smooth: view.smooth === 0 ? null : String(view.smooth),
    zoom: zoomed ? `${view.from ?? ""}-${view.to ?? ""}` : null,
  });
}

/** @param {string} text @returns {number | null} */
function whole(text) {
  return /^\d+$/.test(text) ? Number(text) : null;
}
