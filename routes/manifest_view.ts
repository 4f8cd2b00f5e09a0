import { JobManifest } from "../jobs/job.ts";
import type { SessionSummary } from "../jobs/control_plane.ts";

/** A manifest as the API shows it: with the addresses of what belongs to it. */
export type ManifestView = JobManifest & { links: Record<string, string> };

const FIELDS = Object.keys(JobManifest.shape) as (keyof JobManifest)[];

/** Adds the links, which only HTTP knows, and puts the fields in the order of the schema. */
export function manifestView(manifest: JobManifest): ManifestView {
  const self = `/jobs/${manifest.id}`;
  const ordered = Object.fromEntries(FIELDS.map((field) => [field, manifest[field]]));
  return {
    ...ordered as JobManifest,
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
