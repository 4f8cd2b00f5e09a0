// @ts-check
import { openDialog } from "./dialogs.js";
import { command } from "./job_controls.js";

/** Milliseconds in which `g` waits for its second key. */
const CHORD_MS = 1200;

/** What the letters do to the job that has the focus in a list; on its own page they press its buttons. */
/** @type {Record<string, (row: HTMLElement) => void>} */
const ON_ROW = {
  p: (row) => {
    const resume = ["paused", "parked", "pausing"].includes(row.dataset["state"] ?? "");
    void command(`POST /jobs/${row.dataset["job"]}/${resume ? "resume" : "pause"}`, {});
  },
  t: (row) => void command(`POST /jobs/${row.dataset["job"]}/test`, {}),
  c: (row) => void command(`POST /jobs/${row.dataset["job"]}/checkpoints`, {}),
  f: (row) => location.assign(`/jobs/${row.dataset["job"]}?dialog=fork`),
  m: (row) => location.assign(`/jobs/${row.dataset["job"]}?dialog=merge`),
};

/** The shortcuts of every page; `?` lists them. */
export function startKeyboard() {
  let chord = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const after = performance.now() - chord < CHORD_MS;
    chord = 0;
    if (after && go(event.key)) return event.preventDefault();
    if (event.key === "g") chord = performance.now();
    else if (event.key === "?") openDialog("shortcuts");
    else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "/") focusSearch(event);
    else press(event.key);
  });
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !/range|checkbox|radio|button/.test(target.type);
  return target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName);
}

/** @param {string} key */
function go(key) {
  if (key === "h") location.assign("/");
  else if (key === "s") {
    const row = document.activeElement?.closest("section.session[id]");
    const session = document.body.dataset["session"] ?? row?.id;
    if (session === undefined) return false;
    location.assign(`/sessions/${session}`);
  } else return false;
  return true;
}

/** Moves the focus along the list that has it, or into the first one. @param {number} by */
function move(by) {
  const list = document.activeElement?.closest("[data-list]") ??
    document.querySelector("[data-list]");
  const stops = [...(list?.querySelectorAll("[data-nav]") ?? [])];
  const row = document.activeElement?.closest("tr, li");
  const at = stops.findIndex((stop) =>
    stop === document.activeElement || (row?.contains(stop) ?? false)
  );
  const next = stops[at === -1 ? (by > 0 ? 0 : stops.length - 1) : at + by];
  if (next instanceof HTMLElement) {
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }
}

/** @param {KeyboardEvent} event */
function focusSearch(event) {
  const search = document.querySelector("[data-search]");
  if (!(search instanceof HTMLInputElement)) return;
  event.preventDefault();
  search.focus();
  search.select();
}

/** @param {string} key */
function press(key) {
  if (!/^[a-z]$/.test(key)) return;
  const row = document.activeElement?.closest("tr[data-job]");
  if (row instanceof HTMLElement) return ON_ROW[key]?.(row);
  const button = document.querySelector(`[data-key="${key}"]`);
  if (button instanceof HTMLAnchorElement) button.click();
  if (button instanceof HTMLButtonElement && !button.disabled) button.click();
}
