import type { JobManifest } from "../jobs/job.ts";
import { type LineageLayout, lineageLayout } from "./views/lineage_layout.ts";

/** Sessions whose layouts are kept. */
const KEPT = 32;

/** Layouts of sessions, kept until their jobs change: figures move many times as often. */
export class LineageLayouts {
  readonly #kept = new Map<string, { key: string; layout: LineageLayout }>();

  /** The layout of a session's jobs, in the order in which they were made. */
  of(session: string, jobs: readonly JobManifest[]): LineageLayout {
    const ordered = [...jobs].sort((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1));
    const key = JSON.stringify(ordered.map(({ id, parents }) => [id, parents]));
    const known = this.#kept.get(session);
    this.#kept.delete(session);
    const layout = known?.key === key ? known.layout : lineageLayout(ordered);
    this.#kept.set(session, { key, layout });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) break;
      this.#kept.delete(oldest);
    }
    return layout;
  }
}
