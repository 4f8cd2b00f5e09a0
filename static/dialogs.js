// @ts-check

/** Opens the dialogs: `[data-open]` one that is in the page, `#dialog` what htmx loads into it. */
export function startDialogs() {
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const opener = event.target.closest("[data-open]");
    if (opener instanceof HTMLElement) openDialog(opener.dataset["open"] ?? "");
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
    // A click on the backdrop is a click on the dialog element itself.
    if (event.target instanceof HTMLDialogElement) event.target.close();
    closeMenus(event.target);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeMenus(null);
  });
  document.addEventListener("htmx:after:swap", (event) => {
    const { target } = /** @type {CustomEvent} */ (event).detail.ctx;
    if (target?.id === "dialog") openDialog("dialog");
  });
}

/** @param {string} id */
export function openDialog(id) {
  const dialog = document.getElementById(id);
  if (!(dialog instanceof HTMLDialogElement) || dialog.open) return;
  dialog.showModal();
  // A form is met at its first field; one without fields at the button that closes it.
  const first = dialog.querySelector(
    ".form-body :is(input:checked, select, input:not([type=radio]))",
  );
  if (first instanceof HTMLElement) first.focus();
}

/** Closes every open menu but the one that holds `inside`. @param {Element | null} inside */
function closeMenus(inside) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (inside !== null && menu.contains(inside)) continue;
    menu.removeAttribute("open");
  }
}
