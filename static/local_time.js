// @ts-check
const FORMAT = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});
const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});

/** Writes every `<time>` in the reader's own zone, also in parts that arrive later. */
export function startLocalTime() {
  localise(document.body);
  document.addEventListener("htmx:after:swap", (event) => {
    const { target } = /** @type {CustomEvent} */ (event).detail.ctx;
    if (target instanceof Element) localise(target);
  });
}

/** @param {Element} part */
function localise(part) {
  for (const time of part.querySelectorAll("time[datetime]")) {
    const moment = new Date(/** @type {HTMLTimeElement} */ (time).dateTime);
    const clock = time.closest(".log-lines") !== null;
    time.textContent = (clock ? CLOCK : FORMAT).format(moment);
    time.setAttribute("title", moment.toISOString());
  }
}
