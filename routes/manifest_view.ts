import type { JobManifest } from "../jobs/job.ts";
import type { SessionSummary } from "../jobs/control_plane.ts";

/** A manifest as the API shows it: with the addresses of what belongs to it. */
export type ManifestView = JobManifest & { links: Record<string, string> };

/** Adds the links. They are made at the edge, since only HTTP has addresses. */
export function manifestView(manifest: JobManifest): ManifestView {
  const self = `/jobs/${manifest.id}`;
  return {
    ...manifest,
    links: {
      self,
      // The same address: a browser that asks for HTML gets the page.
      page: self,
      events: `${self}/events`,
      metrics: `${self}/metrics`,
      checkpoints: `${self}/checkpoints`,
      commands: `${self}/commands`,
      module: `${self}/module`,
      session: `/sessions/${manifest.session}`,
    },
  };
}

/** A session as the API shows it. */
export function sessionView(session: SessionSummary) {
  const self = `/sessions/${session.id}`;
  return {
    ...session,
    jobs: session.jobs.map(manifestView),
    links: { self, events: `${self}/events` },
  };
}
