// @ts-check

/**
 * One setting of the view, kept in the address: reload and share give the same view.
 * @param {string} name
 */
export function viewState(name) {
  return new URLSearchParams(location.search).get(name);
}

/**
 * Writes settings into the address without a new entry in the history; null takes one out.
 * @param {Record<string, string | null>} settings
 */
export function setViewState(settings) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(settings)) {
    if (value === null || value === "") url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  history.replaceState(history.state, "", url);
}
