// @ts-check
import { say } from "./receipt.js";

/** Copies what a `[data-copy]` holds, or the text of the element that `[data-copy-text]` names. */
export function startClipboard() {
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const button = event.target.closest("[data-copy], [data-copy-text]");
    if (!(button instanceof HTMLElement)) return;
    const source = button.dataset["copyText"];
    const text = source === undefined
      ? button.dataset["copy"]
      : document.getElementById(source)?.textContent;
    void copy(text ?? "");
  });
}

/** @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied");
  } catch {
    // The browser may refuse the clipboard, for one on a plain http address that is not this machine.
    say("The browser refused the clipboard; select the text and copy it", { kind: "problem" });
  }
}
