// @ts-check
import { percent, whole } from "./figures.js";

/** How long a finished task stays. */
const DONE_MS = 1500;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Shows how far a long task is, in its place in the head of the page.
 * @param {Record<string, any>} data A `progress` event.
 */
export function showProgress({ task, done, total }) {
  const place = document.getElementById("job-progress");
  if (place === null) return;
  const share = total > 0 ? ` (${percent(done / total)})` : "";
  place.textContent = `${task}: ${whole(done)} of ${whole(total)}${share}`;
  clearTimeout(timer);
  if (done >= total) timer = setTimeout(() => place.replaceChildren(), DONE_MS);
}
