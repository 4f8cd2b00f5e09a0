// @ts-check
import { callApi } from "./api_call.js";
import { decimal, percent, whole } from "./figures.js";
import { say } from "./receipt.js";
import { selectionText } from "./selection_text.js";
import { setViewState } from "./view_state.js";
/** @typedef {import("../jobs/job.ts").StoredSelection} StoredSelection */
/** @typedef {import("../runtime/protocol/report.ts").ReportRecord} ReportRecord */

/** htmx is a classic script: it is there before any module runs. */
const { htmx } =
  /** @type {{ htmx: { ajax(method: string, path: string, options: { target: string }): unknown } }} */ (
    /** @type {unknown} */ (globalThis)
  );
/** A brush stands still for so long before the server is asked. */
const STILL_MS = 250;
/** Labels that the mix names. */
const MOST_LABELS = 12;

/** The samples that are picked: how many at once, all about them when the server has said. */
export class PickedSamples {
  /** @type {StoredSelection | null} */
  #selection = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** The newest question; answers to older ones are thrown away. */
  #asked = 0;
  #sha256 = "";
  #forks = false;
  /** @type {((selection: StoredSelection | null) => void)[]} */
  #listeners = [];
  /** @type {((selection: StoredSelection | null) => void)[]} */
  #followers = [];

  /** @param {HTMLElement} panel @param {string} job @param {ReportRecord} report */
  constructor(panel, job, report) {
    this.panel = panel;
    this.job = job;
    this.report = report;
    this.#part("unpick").addEventListener("click", () => {
      this.clear();
      this.#tell();
    });
    this.#part("fork").addEventListener("click", () => this.#fork());
    this.#part("export").addEventListener("click", () => void this.#export());
  }

  /** @param {(selection: StoredSelection | null) => void} listener Told of what comes from elsewhere. */
  onChange(listener) {
    this.#listeners.push(listener);
  }

  /** @param {(selection: StoredSelection | null) => void} follower Told of everything that is picked. */
  onEvery(follower) {
    this.#followers.push(follower);
  }

  /**
   * Picks by a rule. Who picks knows what it shows; everyone else is told by `announce`.
   * @param {StoredSelection} selection
   * @param {{ count: number | null, exact: boolean }} known How many these are, as far as the page knows.
   */
  choose(selection, { count, exact }) {
    this.#selection = selection;
    this.#sha256 = "";
    this.#forks = false;
    this.#show(true);
    this.#follow();
    this.#part("rule").textContent = sentence(selection);
    this.#count(count === null ? "…" : `${exact ? "" : "about "}${whole(count)}`, count);
    this.#ready(false);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(selection), STILL_MS);
  }

  /** Opens the form that forks what is picked, as soon as the server has said what that is. */
  forkWhenKnown() {
    this.#forks = true;
  }

  /** Picks by a rule and tells every part of the page. @param {StoredSelection} selection @param {number | null} count */
  announce(selection, count) {
    this.choose(selection, { count, exact: true });
    this.#tell();
  }

  /** Picks what the address names. @param {string} sha256 */
  async restore(sha256) {
    const answer = await callApi(`GET /jobs/${this.job}/selections/${sha256}`);
    if (answer.ok) this.announce(answer.body["selection"], null);
    else setViewState({ pick: null });
  }

  /** Nothing is picked. */
  clear() {
    clearTimeout(this.#timer);
    this.#asked++;
    this.#selection = null;
    this.#show(false);
    this.#follow();
    setViewState({ pick: null });
  }

  #tell() {
    for (const listener of this.#listeners) listener(this.#selection);
  }

  #follow() {
    for (const follower of this.#followers) follower(this.#selection);
  }

  /** @param {StoredSelection} selection */
  async #ask(selection) {
    const asked = ++this.#asked;
    const { report, split } = this.report;
    const answer = await callApi(`POST /jobs/${this.job}/selection`, { selection, split, report });
    if (asked !== this.#asked || selection !== this.#selection) return;
    if (!answer.ok) {
      this.#count("", null);
      this.#part("problem").textContent = answer.problem.detail ?? answer.problem.title;
      return;
    }
    const { sha256, count, samples, loss, accuracy, labels } = answer.body;
    this.#sha256 = sha256;
    this.#count(whole(count), count);
    this.#part("facts").replaceChildren(
      ...fact("of", `${whole(samples)} ${this.report.split}, ${percent(count / samples)}`),
      ...fact("mean loss", decimal(loss.mean)),
      ...fact("losses", `${decimal(loss.min)} to ${decimal(loss.max)}`),
      ...accuracy === null ? [] : fact("right", percent(accuracy)),
    );
    this.#part("mix").replaceChildren(...labelMix(labels ?? [], count));
    this.#ready(true);
    setViewState({ pick: sha256 });
    if (this.#forks) this.#fork();
    this.#forks = false;
  }

  #fork() {
    const { checkpoint } = this.report;
    const query = new URLSearchParams({ at: String(checkpoint), selection: this.#sha256 });
    const dialog = this.#part("fork").dataset["fork"];
    void htmx.ajax("GET", `${dialog}?${query}`, { target: "#dialog" });
  }

  async #export() {
    const button = /** @type {HTMLButtonElement} */ (this.#part("export"));
    const place = this.#part("exported");
    const { report, split } = this.report;
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    const answer = await callApi(button.dataset["export"] ?? "", {
      selection: { kind: "stored", sha256: this.#sha256 },
      split,
      report,
      format: /** @type {HTMLSelectElement} */ (this.#part("format")).value,
    });
    button.disabled = false;
    button.removeAttribute("aria-busy");
    if (!answer.ok) {
      return say(answer.problem.detail ?? answer.problem.title, { kind: "problem" });
    }
    const { export: number, rows, name } = answer.body;
    const link = document.createElement("a");
    link.href = `/jobs/${this.job}/exports/${number}/content`;
    link.textContent = name;
    link.download = "";
    place.replaceChildren(`Exported ${whole(rows)} samples: `, link);
    say(`Exported ${whole(rows)} samples as export ${whole(number)}`);
  }

  /** @param {string} text @param {number | null} count */
  #count(text, count) {
    const word = count === 1 ? "sample" : "samples";
    const place = this.#part("count");
    place.replaceChildren(element("strong", text), text === "" ? "" : ` ${word}`);
    this.#part("problem").textContent = "";
  }

  /** Whether the server has said what is picked. @param {boolean} known */
  #ready(known) {
    const forks = this.report.split === "train";
    this.#part("fork").toggleAttribute("disabled", !known || !forks);
    this.#part("export").toggleAttribute("disabled", !known);
    this.#part("exported").replaceChildren();
    this.panel.toggleAttribute("data-asking", !known);
  }

  /** @param {boolean} something */
  #show(something) {
    this.#part("nothing").hidden = something;
    this.#part("something").hidden = !something;
    this.#part("unpick").hidden = !something;
  }

  /** @param {string} name @returns {HTMLElement} */
  #part(name) {
    return /** @type {HTMLElement} */ (this.panel.querySelector(`[data-${name}]`));
  }
}

/** @param {StoredSelection} selection */
function sentence(selection) {
  const text = selectionText(selection);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param {string} name @param {string} text */
function fact(name, text) {
  const row = document.createElement("div");
  row.append(element("dt", name), element("dd", text));
  return [row];
}

/**
 * The most frequent labels as bars.
 * @param {{ value: number, name: string | null, count: number }[]} labels @param {number} count
 */
function labelMix(labels, count) {
  if (labels.length === 0) return [];
  const list = element("ul", "");
  list.className = "label-mix";
  for (const { value, name, count: of } of labels.slice(0, MOST_LABELS)) {
    const row = document.createElement("li");
    const bar = document.createElement("meter");
    bar.max = count;
    bar.value = of;
    bar.setAttribute("aria-label", `Label ${name ?? value}`);
    row.append(element("span", name ?? String(value)), bar, element("span", whole(of)));
    list.append(row);
  }
  const rest = labels.length - MOST_LABELS;
  const title = element("h3", rest > 0 ? `Labels, and ${whole(rest)} more` : "Labels");
  return [title, list];
}

/** @param {string} tag @param {string} text */
function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}
