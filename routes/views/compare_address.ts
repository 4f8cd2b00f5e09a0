/** Most jobs that one page compares. */
export const MOST_COMPARED = 20;

/** The page that compares these jobs, or the first of them where they are too many. */
export function comparePath(jobs: readonly string[]): string {
  return `/compare?jobs=${jobs.slice(0, MOST_COMPARED).map(encodeURIComponent).join(",")}`;
}

/** The jobs that an address names, `?jobs=a,b` or `?jobs=a&jobs=b`, each once, in its order. */
export function comparedJobs(values: readonly string[]): string[] {
  const names = values.flatMap((value) => value.split(",")).map((name) => name.trim());
  return [...new Set(names.filter((name) => name !== ""))].slice(0, MOST_COMPARED);
}
