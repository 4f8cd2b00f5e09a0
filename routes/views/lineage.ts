import type { JobManifest } from "../../jobs/job.ts";

/** A job's place in its session's indented tree. */
export interface LineageRow {
  job: JobManifest;
  /** 0 for the root; one more than the deepest drawn ancestor chain. */
  depth: number;
  /** Index of its colour, by order of creation in its session. */
  colour: number;
}

/** Number of colours in `static/tokens.css`. */
export const COLOURS = 8;

/**
 * The jobs of a session as an indented tree: a child stands under its first parent, siblings in
 * the order in which they were made. A child whose parent is missing stands at the top.
 */
export function lineageTree(jobs: readonly JobManifest[]): LineageRow[] {
  const ordered = [...jobs].sort((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1));
  const colour = new Map(ordered.map((job, position) => [job.id, position % COLOURS]));
  const children = Map.groupBy(ordered, (job) => {
    const parent = job.parents[0];
    return parent !== undefined && colour.has(parent) ? parent : null;
  });
  const rows: LineageRow[] = [];
  const place = (job: JobManifest, depth: number): void => {
    rows.push({ job, depth, colour: colour.get(job.id)! });
    for (const child of children.get(job.id) ?? []) place(child, depth + 1);
  };
  for (const top of children.get(null) ?? []) place(top, 0);
  return rows;
}
