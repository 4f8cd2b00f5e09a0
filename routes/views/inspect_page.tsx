import type { CheckpointRecord, JobManifest } from "../../jobs/job.ts";
import type { ReportRecord } from "../../runtime/protocol/report.ts";
import { whole } from "../../static/figures.js";
import { EmbeddingPanel } from "./embedding_panel.tsx";
import { LossPanel } from "./loss_panel.tsx";
import { PickedPanel } from "./picked_panel.tsx";
import { ReportForm } from "./report_form.tsx";
import { SamplesPanel } from "./samples_panel.tsx";
import { StateBadge } from "./state_badge.tsx";

/** What the page `/jobs/{id}/inspect` is drawn from. */
export interface InspectPageProps {
  job: JobManifest;
  /** The report that is looked at; null where there is none yet. */
  report: ReportRecord | null;
  /** Newest first. */
  reports: ReportRecord[];
  checkpoints: CheckpointRecord[];
  /** Order of the table of samples, and the place in it where its page begins. */
  sort: string;
  first: number;
}

/** The page `/jobs/{id}/inspect`: what the model makes of each sample. */
export function InspectPage({ job, report, reports, checkpoints, sort, first }: InspectPageProps) {
  return (
    <div class="inspect">
      <header class="inspect-head">
        <h1>
          <a href={`/sessions/${job.session}`} data-session-link>{job.project}</a>
          <span class="dim" aria-hidden="true">/</span>
          <a href={`/jobs/${job.id}`}>{job.run_name}</a>
          <span class="dim" aria-hidden="true">/</span>
          samples
        </h1>
        <StateBadge state={job.state} />
        <span id="job-progress" class="job-progress"></span>
      </header>
      <ReportBar job={job} report={report} reports={reports} checkpoints={checkpoints} />
      {report === null
        ? (
          <p class="empty">
            No report yet. A report scans a split with the weights of a checkpoint: the loss of each
            sample, what the model takes it for, and which samples are alike. The job trains on
            meanwhile.
          </p>
        )
        : <Report job={job} report={report} sort={sort} first={first} />}
    </div>
  );
}

function ReportBar(
  { job, report, reports, checkpoints }: Omit<InspectPageProps, "sort" | "first">,
) {
  return (
    <div class="report-bar">
      {report !== null && (
        <form class="report-choice" method="get" action={`/jobs/${job.id}/inspect`}>
          <label for="report-choice">Report</label>
          <select id="report-choice" name="report" data-submits>
            {reports.map((one) => (
              <option value={String(one.report)} selected={one.report === report.report}>
                {reportName(one)}
              </option>
            ))}
          </select>
          <noscript>
            <button type="submit">Show</button>
          </noscript>
        </form>
      )}
      <details class="new-report" open={report === null}>
        <summary class="button">New report…</summary>
        <ReportForm job={job} checkpoints={checkpoints} like={report} />
      </details>
    </div>
  );
}

function Report(
  { job, report, sort, first }: {
    job: JobManifest;
    report: ReportRecord;
    sort: string;
    first: number;
  },
) {
  return (
    <>
      {report.warnings.map((warning) => <p key={warning} class="notice">{warning}</p>)}
      <div class="inspect-body">
        <LossPanel report={report} />
        <PickedPanel job={job} report={report} />
        <EmbeddingPanel report={report} />
        <SamplesPanel report={report} sort={sort} first={first} />
      </div>
    </>
  );
}

/** A report in a line: `3: train at step 1,204, 1,258 samples`. */
function reportName({ report, split, of, step, samples, training_mode, embedding }: ReportRecord) {
  const extras = [
    of === "all" && split === "train" ? "whole split" : "",
    training_mode ? "training mode" : "",
    embedding !== null ? `${embedding.k} clusters` : "",
  ].filter((extra) => extra !== "");
  const said = extras.length === 0 ? "" : `, ${extras.join(", ")}`;
  return `${report}: ${split} at step ${whole(step)}, ${whole(samples)} samples${said}`;
}
