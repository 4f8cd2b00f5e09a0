// @ts-check
import { callApi } from "./api_call.js";
import { copy } from "./clipboard.js";
import { clearProblem, showProblem } from "./field_errors.js";
import { byteSize } from "./figures.js";
import { formValues } from "./form_values.js";
import { startPage } from "./page.js";

/** How long the typing must rest before the server is asked about the syntax. */
const REST_MS = 500;

startPage();
const form = /** @type {HTMLFormElement} */ (document.querySelector("form[data-submit]"));
const source = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem("module"));
const picker = /** @type {HTMLInputElement} */ (form.elements.namedItem("files"));
const syntax = /** @type {HTMLElement} */ (form.querySelector("[data-syntax]"));
const list = /** @type {HTMLElement} */ (form.querySelector("[data-file-list]"));
/** Files to send, by name: a second one of a name takes the first one's place. @type {Map<string, File>} */
const files = new Map();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let rest;

source.addEventListener("input", () => {
  clearTimeout(rest);
  rest = setTimeout(checkSyntax, REST_MS);
});
picker.addEventListener("change", () => {
  void take([...(picker.files ?? [])]);
  picker.value = "";
});
const drop = /** @type {HTMLElement} */ (form.querySelector("[data-drop]"));
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("dropping");
});
drop.addEventListener("dragleave", () => drop.classList.remove("dropping"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("dropping");
  void take([...(event.dataTransfer?.files ?? [])]);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void submit();
});
form.querySelector("[data-copy-curl]")?.addEventListener("click", () => void copy(curl()));
if (source.value.trim() !== "") void checkSyntax();

/**
 * The first module dropped on an empty field becomes the module; further ones go beside it.
 * @param {File[]} dropped
 */
async function take(dropped) {
  for (const file of dropped) {
    if (/\.[mc]?[tj]s$/.test(file.name) && source.value.trim() === "") {
      source.value = await file.text();
      source.dataset["module"] = file.name;
      const label = form.querySelector("label[for=field-module]");
      if (label !== null) label.textContent = `Module (${file.name})`;
    } else {
      files.set(file.name, file);
    }
  }
  showFiles();
  await checkSyntax();
}

function showFiles() {
  list.replaceChildren(...[...files.values()].map((file) => {
    const item = document.createElement("li");
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove ${file.name}`);
    remove.addEventListener("click", () => {
      files.delete(file.name);
      showFiles();
    });
    item.append(`${file.name} (${byteSize(file.size)})`, remove);
    return item;
  }));
}

/** The server's own answer about the syntax, before anything starts. */
async function checkSyntax() {
  if (source.value.trim() === "") return showSyntax("", "");
  const asked = source.value;
  const answer = await callApi("POST /new/check", {
    module: asked,
    name: source.dataset["module"] ?? "module.ts",
    modules: [...files.keys()].filter((name) => name.endsWith(".ts")),
  });
  if (asked !== source.value) return;
  if (!answer.ok) return showSyntax("problem", answer.problem.detail);
  const { project, run_name: name } = answer.body;
  const known = [project && `project ${project}`, name && `name ${name}`].filter(Boolean);
  showSyntax("good", ["Syntax is good", ...known].join(", "));
}

/** @param {string} kind @param {string} text */
function showSyntax(kind, text) {
  syntax.dataset["kind"] = kind;
  syntax.textContent = text;
}

async function submit() {
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("[type=submit]"));
  if (button.getAttribute("aria-busy") === "true") return;
  clearProblem(form);
  button.setAttribute("aria-busy", "true");
  button.textContent = "Submitting…";
  const answer = await callApi("POST /jobs", parts());
  button.removeAttribute("aria-busy");
  button.textContent = "Start training";
  if (answer.ok) location.assign(`/jobs/${answer.body["id"]}`);
  else showProblem(form, answer.problem);
}

/** The fields of the form beside its files, as text: what `curl -F` sends too. @returns {[name: string, text: string][]} */
function fields() {
  const { project, run_name: runName, priority, datasets, permissions, config } = formValues(form);
  const json = (/** @type {unknown} */ value) => value && JSON.stringify(value);
  const all = {
    project,
    run_name: runName,
    priority,
    datasets: datasets?.join(","),
    permissions: json(permissions),
    config: json(config),
  };
  return Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]]
  );
}

/** The same multipart form that `curl -F` sends. */
function parts() {
  const body = new FormData();
  const name = source.dataset["module"] ?? "module.ts";
  body.append("module", new Blob([source.value], { type: "application/typescript" }), name);
  for (const [field, text] of fields()) body.append(field, text);
  for (const file of files.values()) body.append("file", file, file.name);
  return body;
}

function curl() {
  const flags = [`-F module=@${source.dataset["module"] ?? "module.ts"}`];
  for (const [field, text] of fields()) {
    flags.push(`-F '${field}=${text.replaceAll("'", "'\\''")}'`);
  }
  for (const name of files.keys()) flags.push(`-F 'file=@${name}'`);
  return `curl ${flags.join(" ")} ${location.origin}/jobs`;
}
