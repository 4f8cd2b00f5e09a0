// @ts-check

/** A log that stands at its end stays there when lines arrive; one that is being read stays put. */
export function startStickyLogs() {
  for (const log of document.querySelectorAll("[data-stick]")) {
    log.scrollTop = log.scrollHeight;
    let atEnd = true;
    log.addEventListener("scroll", () => {
      atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
    });
    log.addEventListener("htmx:after:swap", () => {
      if (atEnd) log.scrollTop = log.scrollHeight;
    });
  }
}
