import type { SessionSummary } from "../../jobs/control_plane.ts";
import type { MetricPoint } from "../../jobs/events/metrics_store.ts";
import { comparePath } from "./compare_address.ts";
import { CompareForm } from "./compare_form.tsx";
import { SessionList } from "./job_list.tsx";
import { LineageGraph } from "./lineage_graph.tsx";
import type { LineageLayout } from "./lineage_layout.ts";

/** What a session's page is drawn from. */
export interface SessionPageProps {
  session: SessionSummary;
  layout: LineageLayout;
  curve: (job: string) => MetricPoint[];
}

/** The page `/sessions/{id}`: its lineage as a graph above its jobs, live. */
export function SessionPage(props: SessionPageProps) {
  const { session } = props;
  return (
    <>
      <header class="list-head">
        <h1>
          {session.project} <span class="dim">session</span>
        </h1>
        <span class="grow"></span>
        {session.jobs.length > 1 && (
          <a
            class="button"
            href={comparePath(session.jobs.map((job) => job.id))}
          >
            Compare all
          </a>
        )}
        <CompareForm />
      </header>
      <div
        id="jobs"
        data-list
        hx-get={`/fragments/sessions/${session.id}`}
        hx-trigger="page:jobs from:body throttle:700ms"
        hx-swap="innerMorph"
      >
        <SessionJobs {...props} />
      </div>
    </>
  );
}

/** The fragment that keeps a session's page live. */
export function SessionJobs({ session, layout, curve }: SessionPageProps) {
  return (
    <>
      <LineageGraph jobs={session.jobs} layout={layout} />
      <SessionList
        sessions={[session]}
        filter={{ state: null, project: null, search: "", sessions: 1 }}
        health={null}
        curve={curve}
        origin=""
      />
    </>
  );
}
