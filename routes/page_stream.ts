import type { AppDeps } from "./app_deps.ts";

/**
 * Address of the one event stream of a page, from where the log stands now, or stood at `after`.
 * @param sampleMs Milliseconds between two frames of a job.
 */
export function streamFrom(
  deps: AppDeps,
  path: string,
  sampleMs: number,
  types: string | null,
  after = deps.log.lastSeq,
): string {
  const query = new URLSearchParams({
    sample_ms: String(sampleMs),
    after: `${deps.log.id}-${after}`,
  });
  if (types !== null) query.set("types", types);
  return `${path}?${query}`;
}
