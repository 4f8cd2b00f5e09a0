// @ts-check
/** @typedef {{ type: string, seq: number, data: Record<string, any> }} StreamEvent */

/** A line that comes back at once is not worth a word. */
const QUIET_MS = 600;
const RETRY_MS = 2000;

/**
 * Reads the one event stream of the tab: the htmx extension holds the line and comes back with the
 * last id; a hidden tab gives its line up and catches up when it is seen again.
 * @param {(event: StreamEvent) => void} onEvent
 * @param {() => void} onCaughtUp Called when the line is back, or the server says that events are
 *   gone: what was drawn may be old.
 */
export function startEventStream(onEvent, onCaughtUp) {
  const stream = document.getElementById("stream");
  if (stream === null) return;
  const line = connectionLine();

  stream.addEventListener("htmx:sse:before:message", (event) => {
    const { message } = /** @type {CustomEvent} */ (event).detail;
    // What is told here is told to the page's modules; the extension need not dispatch it again.
    event.preventDefault();
    if (!message.event || !message.data) return;
    if (message.event === "resync") return onCaughtUp();
    const seq = Number(String(message.id).split("-").at(-1));
    onEvent({ type: message.event, seq, data: JSON.parse(message.data) });
  });
  stream.addEventListener("htmx:sse:before:connection", (event) => {
    if (/** @type {CustomEvent} */ (event).detail.connection.attempt > 0) line.lost();
  });
  stream.addEventListener("htmx:sse:after:connection", () => {
    if (line.back()) onCaughtUp();
  });
  const retry = () => {
    line.lost();
    setTimeout(() => stream.dispatchEvent(new Event("stream:retry")), RETRY_MS);
  };
  // Only the first connection ends here: later ones are the extension's to repeat.
  stream.addEventListener("htmx:error", retry);
  stream.addEventListener("htmx:response:error", retry);
}

/** The words about the line in the page's bar. */
function connectionLine() {
  const place = document.getElementById("connection");
  let lost = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @param {string} text @param {number} ms */
  const sayAfter = (text, ms) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (place !== null) place.textContent = text;
    }, ms);
  };
  return {
    lost() {
      if (!lost && !document.hidden) sayAfter("Connection lost, trying again…", QUIET_MS);
      lost = true;
    },
    /** @returns {boolean} Whether the line had been lost. */
    back() {
      if (!lost) return false;
      lost = false;
      clearTimeout(timer);
      if (place !== null && place.textContent !== "") {
        place.textContent = "Connected again, caught up";
        sayAfter("", 4000);
      }
      return true;
    },
  };
}

/**
 * Tells htmx that parts of the page are due: `hx-trigger="job:log from:body"`.
 * @param {Iterable<string>} parts
 */
export function refresh(parts) {
  for (const part of parts) document.body.dispatchEvent(new Event(part));
}
