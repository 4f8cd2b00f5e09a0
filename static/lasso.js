// @ts-check
/** @typedef {{ x: number, y: number }} Point */

/** Least way between two corners, in pixels. */
const STEP = 3;

/**
 * Lets a pointer draw around things.
 * @param {HTMLElement} place
 * @param {{ move: (corners: Point[]) => void, end: (corners: Point[]) => void }} gestures Corners are
 *   in pixels of the place.
 */
export function lasso(place, { move, end }) {
  /** @type {Point[]} */
  let corners = [];
  const at = (/** @type {PointerEvent} */ event) => {
    const { left, top } = place.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  place.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    place.setPointerCapture(event.pointerId);
    corners = [at(event)];
  });
  place.addEventListener("pointermove", (event) => {
    const last = corners.at(-1);
    if (last === undefined) return;
    const next = at(event);
    if (Math.hypot(next.x - last.x, next.y - last.y) < STEP) return;
    corners.push(next);
    move(corners);
  });
  const finish = () => {
    const drawn = corners;
    corners = [];
    if (drawn.length > 0) end(drawn);
  };
  place.addEventListener("pointerup", finish);
  place.addEventListener("pointercancel", finish);
}

/**
 * Whether a point lies within a closed line, by how often a ray from it crosses the line.
 * @param {Point} point @param {readonly Point[]} corners
 */
export function isWithin({ x, y }, corners) {
  let inside = false;
  let before = corners.at(-1);
  for (const corner of corners) {
    if (before !== undefined && (corner.y > y) !== (before.y > y)) {
      const cut = (before.x - corner.x) * (y - corner.y) / (before.y - corner.y) + corner.x;
      if (x < cut) inside = !inside;
    }
    before = corner;
  }
  return inside;
}
