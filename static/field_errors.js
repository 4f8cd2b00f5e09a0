// @ts-check
/** @typedef {import("./api_call.js").Problem} Problem */

/**
 * Shows a problem at the field that it names, or above the form's buttons when the form lacks it.
 * @param {HTMLElement} form
 * @param {Problem} problem
 */
export function showProblem(form, problem) {
  clearProblem(form);
  const field = findField(form, problem.field);
  if (field === null) {
    const place = form.querySelector("[data-form-error]");
    if (place !== null) place.textContent = problem.detail ?? problem.title;
    return;
  }
  const place = field.querySelector("[data-field-error]");
  if (place !== null) place.textContent = problem.detail;
  field.closest("details")?.setAttribute("open", "");
  const control = field.querySelector("input:enabled, select:enabled, textarea:enabled");
  if (!(control instanceof HTMLElement)) return;
  control.setAttribute("aria-invalid", "true");
  control.focus();
}

/** @param {HTMLElement} form */
export function clearProblem(form) {
  for (const place of form.querySelectorAll("[data-field-error], [data-form-error]")) {
    place.textContent = "";
  }
  for (const control of form.querySelectorAll("[aria-invalid]")) {
    control.removeAttribute("aria-invalid");
  }
}

/**
 * The field of this path, or the nearest one above it: `selection.indices.3` is shown at
 * `selection.indices`, `permissions.read[0]` at `permissions.read`. One in a part of the form that is switched off does not count.
 * @param {HTMLElement} form
 * @param {string | undefined} path
 * @returns {HTMLElement | null}
 */
function findField(form, path) {
  for (
    let name = path ?? "";
    name !== "";
    name = name.slice(0, Math.max(0, name.lastIndexOf("."), name.lastIndexOf("[")))
  ) {
    for (const field of form.querySelectorAll(`[data-field="${CSS.escape(name)}"]`)) {
      const off = field.closest("fieldset:disabled") !== null;
      if (field instanceof HTMLElement && !off) return field;
    }
    const shown = form.querySelector(
      `fieldset:not(:disabled)[data-choice] [data-field^="${CSS.escape(name)}."]`,
    );
    if (shown instanceof HTMLElement) return shown;
  }
  return null;
}
