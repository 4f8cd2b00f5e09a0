// @ts-check
import { callApi } from "./api_call.js";
import { receiptText, say } from "./receipt.js";

/** Sends the call of every `[data-call]` button, and says what was asked for and where it applied. */
export function startJobControls() {
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const button = event.target.closest("button[data-call]");
    if (button instanceof HTMLButtonElement) void press(button);
  });
}

/** @param {HTMLButtonElement} button */
async function press(button) {
  if (button.getAttribute("aria-busy") === "true") return;
  const label = button.textContent ?? "";
  const pending = button.dataset["pending"] ?? "Sending…";
  button.closest("details[data-menu]")?.removeAttribute("open");
  button.setAttribute("aria-busy", "true");
  button.textContent = pending;
  say(pending);
  await command(button.dataset["call"] ?? "", JSON.parse(button.dataset["body"] ?? "{}"));
  button.removeAttribute("aria-busy");
  // The header may have been drawn anew meanwhile; its label is then the truth.
  if (button.textContent === pending) button.textContent = label;
}

/**
 * Sends a control call and says its receipt.
 * @param {string} call
 * @param {Record<string, unknown>} body
 */
export async function command(call, body) {
  const answer = await callApi(call, body);
  if (answer.ok) say(receiptText(/** @type {import("./receipt.js").Receipt} */ (answer.body)));
  else say(answer.problem.detail ?? answer.problem.title, { kind: "problem" });
}
