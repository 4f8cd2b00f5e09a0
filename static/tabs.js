// @ts-check
import { setViewState } from "./view_state.js";

/** Tabs as the ARIA pattern has them: arrows move, the address keeps the choice. */
export function startTabs() {
  const tabs = [...document.querySelectorAll("[role=tab]")].filter((tab) =>
    tab instanceof HTMLElement
  );
  for (const [position, tab] of tabs.entries()) {
    tab.addEventListener("click", () => choose(tab.dataset["tab"] ?? ""));
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (by === undefined) return;
      const next = tabs[(position + by + tabs.length) % tabs.length];
      next?.focus();
      next?.click();
    });
  }
}

/** @param {string} name */
export function choose(name) {
  for (const tab of document.querySelectorAll("[role=tab]")) {
    if (!(tab instanceof HTMLElement)) continue;
    const chosen = tab.dataset["tab"] === name;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    document.getElementById(`panel-${tab.dataset["tab"]}`)?.toggleAttribute("hidden", !chosen);
  }
  setViewState({ tab: name === "log" ? null : name });
}
