// @ts-check

/**
 * A token as a canvas can take it: `var()` and `light-dark()` are resolved by an element's style.
 * @param {HTMLElement} place
 * @param {string} name `--line`
 * @returns {string} `rgb(r, g, b)`
 */
export function canvasColour(place, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  place.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

/** @param {string} colour `rgb(r, g, b)` @param {number} share In [0, 1]. */
export function faded(colour, share) {
  return colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${share})`);
}
