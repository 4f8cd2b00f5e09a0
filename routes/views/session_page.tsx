import type { SessionSummary } from "../../jobs/control_plane.ts";
import type { MetricPoint } from "../../jobs/events/metrics_store.ts";
import { SessionList } from "./job_list.tsx";

/** What a session's page is drawn from. */
export interface SessionPageProps {
  session: SessionSummary;
  curve: (job: string) => MetricPoint[];
}

/** The page `/sessions/{id}`: its jobs as an indented tree, live. */
export function SessionPage({ session, curve }: SessionPageProps) {
  return (
    <>
      <h1 class="visually-hidden">Session {session.id}</h1>
      <div
        id="jobs"
        data-list
        hx-get={`/fragments/sessions/${session.id}`}
        hx-trigger="page:jobs from:body throttle:700ms"
        hx-swap="innerMorph"
      >
        <SessionJobs session={session} curve={curve} />
      </div>
    </>
  );
}

/** The fragment that keeps a session's page live. */
export function SessionJobs({ session, curve }: SessionPageProps) {
  return (
    <SessionList
      sessions={[session]}
      filter={{ state: null, project: null, search: "", sessions: 1 }}
      health={null}
      curve={curve}
      origin=""
    />
  );
}
