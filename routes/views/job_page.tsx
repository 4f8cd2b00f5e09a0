import type { JobManifest } from "../../jobs/job.ts";
import type { ServerHealth } from "../../jobs/control_plane.ts";
import { Charts } from "./charts.tsx";
import type { GateResult } from "../../runtime/protocol/merge_gate.ts";
import { GatePanel } from "./gate_panel.tsx";
import { whole } from "../../static/figures.js";
import { HparamsForm } from "./hparams_form.tsx";
import { JobAside } from "./job_aside.tsx";
import { JobHeader } from "./job_header.tsx";
import { JobPanels, type JobPanelsProps } from "./job_panels.tsx";

/** What a job's page is drawn from. */
export interface JobPageProps extends JobPanelsProps {
  family: JobManifest[];
  health: ServerHealth;
  /** What the gate of a merge found; null where there is none yet. */
  gate: GateResult | null;
}

/** The page `/jobs/{id}`. */
export function JobPage(props: JobPageProps) {
  const { job } = props;
  return (
    <div class="job">
      <section
        id="job-header"
        class="job-header"
        aria-label="Job"
        hx-get={`/fragments/jobs/${job.id}/header`}
        hx-trigger="job:header from:body throttle:150ms"
        hx-swap="innerMorph"
      >
        <JobHeader job={job} />
      </section>
      <HparamsForm job={job} />
      <div
        id="job-notice"
        hx-get={`/fragments/jobs/${job.id}/notice`}
        hx-trigger="job:header from:body throttle:300ms"
        hx-swap="innerMorph"
      >
        <JobNotice job={job} health={props.health} />
      </div>
      <div class="job-body">
        <div class="job-main">
          <Charts waiting="No steps yet" />
          <div
            hx-get={`/fragments/jobs/${job.id}/gate`}
            hx-trigger="job:gate from:body throttle:300ms"
            hx-swap="innerMorph"
          >
            <GatePanel job={job} gate={props.gate} family={props.family} />
          </div>
          <JobPanels {...props} />
        </div>
        <aside
          id="job-aside"
          class="job-aside"
          aria-label="About this job"
          hx-get={`/fragments/jobs/${job.id}/aside`}
          hx-trigger="job:family from:body throttle:500ms"
          hx-swap="innerMorph"
        >
          <JobAside job={job} family={props.family} />
        </aside>
      </div>
    </div>
  );
}

/** What must be said before the charts: why it waits, why it failed. Nothing in most states. */
export function JobNotice({ job, health }: { job: JobManifest; health: ServerHealth }) {
  if (job.error !== null) {
    return (
      <section class="notice notice-error" aria-labelledby="error-title">
        <h2 id="error-title">
          {job.state === "failed" ? "Failed" : "Error"} in {job.error.phase}: {job.error.message}
        </h2>
        <p class="dim">Cause: {job.error.cause}. At step {whole(job.step)}, take {job.take}.</p>
        {job.error.stack !== null && <pre tabindex={0}>{job.error.stack}</pre>}
      </section>
    );
  }
  if (job.state === "queued") {
    const { training, training_used } = health.slots;
    return (
      <p class="notice">
        Waiting for a slot: {whole(training_used)} of {whole(training)}{" "}
        are training. It starts by itself.
      </p>
    );
  }
  if (job.state === "starting") {
    return <p class="notice">The worker is starting and loads {job.module.name}.</p>;
  }
  if (job.state === "recovering") {
    return (
      <p class="notice">
        The worker died. A new one starts from the newest checkpoint and repeats the steps since.
      </p>
    );
  }
  return null;
}
