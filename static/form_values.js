// @ts-check
/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control */

/** How the text of a control becomes JSON; what cannot be read is sent as it is, for the API to judge. */
/** @type {Record<string, (text: string) => unknown>} */
const READERS = {
  number: (text) => Number.isNaN(Number(text)) ? text : Number(text),
  boolean: (text) => text === "true",
  checkpoint: (text) => text === "now" ? text : Number(text),
  indices: readIndices,
  json: readJson,
  lines: (text) => text.split(/[\n,]+/).map((line) => line.trim()).filter((line) => line !== ""),
};

/**
 * A form as the JSON that the API takes: dots in names nest, empty fields are left out.
 * @param {HTMLFormElement} form
 * @returns {Record<string, any>}
 */
export function formValues(form) {
  /** @type {Record<string, any>} */
  const values = {};
  for (const element of form.elements) {
    const control = /** @type {Control} */ (element);
    if (!control.name || control.matches(":disabled") || control.type === "file") continue;
    if (control instanceof HTMLInputElement && /radio|checkbox/.test(control.type)) {
      if (!control.checked) continue;
    }
    const text = control.value.trim();
    if (text === "") continue;
    const type = control.dataset["type"] ?? "text";
    if (type === "list") {
      (values[control.name] ??= []).push(text);
    } else {
      assign(values, control.name.split("."), READERS[type]?.(text) ?? text);
    }
  }
  addWeights(form, values);
  return values;
}

/** What is no JSON is a word: `module` need not be quoted. @param {string} text @returns {unknown} */
function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * `0-9, 42` becomes the numbers it names.
 * @param {string} text
 * @returns {unknown}
 */
function readIndices(text) {
  /** @type {unknown[]} */
  const indices = [];
  for (const part of text.split(/[\s,]+/).filter((part) => part !== "")) {
    const [, from, to] = /^(\d+)-(\d+)$/.exec(part) ?? [];
    if (from === undefined || to === undefined || Number(to) - Number(from) > 1e6) {
      indices.push(READERS["number"]?.(part));
      continue;
    }
    for (let index = Number(from); index <= Number(to); index++) indices.push(index);
  }
  return indices;
}

/** @param {Record<string, any>} values @param {string[]} path @param {unknown} value */
function assign(values, path, value) {
  const last = path.pop() ?? "";
  let at = values;
  for (const key of path) at = at[key] ??= {};
  at[last] = value;
}

/** A weighted merge's `params.weights` is [path job, ...with]. @param {HTMLFormElement} form @param {Record<string, any>} values */
function addWeights(form, values) {
  const weights = [...form.querySelectorAll("input[data-weight]:enabled")];
  if (weights.length === 0) return;
  values["params"] = {
    ...values["params"],
    weights: weights.map((input) => Number(/** @type {HTMLInputElement} */ (input).value)),
  };
}
