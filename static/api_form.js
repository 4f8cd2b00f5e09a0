// @ts-check
import { callApi } from "./api_call.js";
import { copy } from "./clipboard.js";
import { clearProblem, showProblem } from "./field_errors.js";
import { whole } from "./figures.js";
import { formValues } from "./form_values.js";
import { receiptText, say } from "./receipt.js";

/**
 * Sends every `form[data-api]` as the JSON call that it names, and shows what the API answers. One
 * with a `[data-cancel-call]` can be ended half-way; `api:done` tells the page, which may prevent what
 * the form would do by itself.
 */
export function startForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.dataset["api"]) return;
    event.preventDefault();
    void send(form);
  });
  document.addEventListener("change", (event) => {
    if (event.target instanceof HTMLElement) follow(event.target);
  });
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const button = event.target.closest("[data-copy-curl]");
    const form = button?.closest("form");
    if (form instanceof HTMLFormElement && form.dataset["api"]) void copy(curlOf(form));
  });
}

/** @param {HTMLFormElement} form */
async function send(form) {
  const submit = form.querySelector("[type=submit]");
  if (!(submit instanceof HTMLButtonElement) || submit.getAttribute("aria-busy") === "true") return;
  const label = submit.textContent;
  clearProblem(form);
  submit.setAttribute("aria-busy", "true");
  submit.textContent = form.dataset["pending"] ?? "Sending…";
  const answer = await callApi(form.dataset["api"] ?? "", formValues(form), cancellable(form));
  submit.removeAttribute("aria-busy");
  submit.textContent = label;
  form.querySelector("[data-cancel-call]")?.toggleAttribute("hidden", true);
  if (!answer.ok) return showProblem(form, answer.problem);
  if (answer.body["status"] === "failed") {
    const detail = receiptText(/** @type {import("./receipt.js").Receipt} */ (answer.body));
    return showProblem(form, { title: "It failed", detail, status: answer.status });
  }
  const told = new CustomEvent("api:done", {
    bubbles: true,
    cancelable: true,
    detail: answer.body,
  });
  if (form.dispatchEvent(told)) done(form, answer);
}

/**
 * Shows the button that ends the call once there is a receipt to end.
 * @param {HTMLFormElement} form
 * @returns {((receipt: string) => void) | undefined}
 */
function cancellable(form) {
  const cancel = form.querySelector("[data-cancel-call]");
  if (!(cancel instanceof HTMLButtonElement)) return undefined;
  return (receipt) => {
    cancel.hidden = false;
    cancel.onclick = () => void callApi(`DELETE ${receipt}`);
  };
}

/** @param {HTMLFormElement} form @param {Extract<import("./api_call.js").Answer, { ok: true }>} answer */
function done(form, { status, body }) {
  form.closest("dialog")?.close();
  if (form.dataset["api"]?.startsWith("DELETE")) {
    location.assign("/");
  } else if (status === 201) {
    const from = body.origin?.step ?? 0;
    say(`Created ${body.run_name}, from axis step ${whole(from)}.`, {
      href: `/jobs/${body.id}`,
      linkText: `Open ${body.run_name}`,
    });
  } else {
    say(receiptText(/** @type {import("./receipt.js").Receipt} */ (body)));
    form.reset();
  }
}

/** Switches the parts of a form that depend on a choice. @param {HTMLElement} control */
function follow(control) {
  const form = control.closest("form");
  if (form === null) return;
  if (control instanceof HTMLInputElement && control.name === "selection.kind") {
    for (const part of form.querySelectorAll("fieldset[data-choice]")) {
      const chosen = /** @type {HTMLElement} */ (part).dataset["choice"] === control.value;
      part.toggleAttribute("disabled", !chosen);
    }
  }
  const { enables } = control.dataset;
  if (control instanceof HTMLInputElement && enables !== undefined) {
    document.getElementById(enables)?.toggleAttribute("disabled", !control.checked);
  }
  const strategy = form.elements.namedItem("strategy");
  if (strategy instanceof HTMLSelectElement) {
    for (const part of form.querySelectorAll("fieldset[data-strategy]")) {
      const chosen = /** @type {HTMLElement} */ (part).dataset["strategy"] === strategy.value;
      part.toggleAttribute("disabled", !chosen);
    }
    for (const row of form.querySelectorAll(".merge-parents tr")) {
      const taken = row.querySelector("input[type=checkbox]");
      const weight = row.querySelector("[data-weight]");
      const counts = taken instanceof HTMLInputElement && taken.checked;
      weight?.toggleAttribute("disabled", strategy.value !== "weighted" || !counts);
    }
  }
}

/** The same request as a command. @param {HTMLFormElement} form */
function curlOf(form) {
  const [method, path] = (form.dataset["api"] ?? "").split(" ");
  const body = JSON.stringify(formValues(form)).replaceAll("'", "'\\''");
  const data = method === "DELETE" ? "" : ` --json '${body}'`;
  return `curl -X ${method}${data} ${location.origin}${path}`;
}
