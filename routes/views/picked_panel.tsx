import type { JobManifest } from "../../jobs/job.ts";
import type { ReportRecord } from "../../runtime/protocol/report.ts";
import { ExportFormat } from "../../runtime/protocol/export.ts";

/** What is picked, and what to do with it; `static/picked_samples.js` fills it in. */
export function PickedPanel({ job, report }: { job: JobManifest; report: ReportRecord }) {
  const forks = report.split === "train";
  return (
    <section class="panel picked" id="picked" aria-labelledby="picked-title">
      <header>
        <h2 id="picked-title">Picked</h2>
        <span class="grow"></span>
        <button type="button" class="quiet" data-unpick hidden>Clear</button>
      </header>
      <p class="dim" data-nothing>
        Nothing yet. Drag over the losses, draw around samples, or take a cluster; what is picked
        can be forked or exported.
      </p>
      <div data-something hidden>
        <p class="picked-rule" data-rule></p>
        <p class="picked-count" data-count role="status" aria-live="polite"></p>
        <p class="form-error" data-problem role="alert"></p>
        <dl class="facts" data-facts></dl>
        <div data-mix></div>
        <div class="picked-actions">
          <button
            type="button"
            class="primary"
            data-fork={`/fragments/jobs/${job.id}/fork`}
            disabled={!forks}
            title={forks ? undefined : `A fork trains on samples of train, not of ${report.split}`}
          >
            Fork…
          </button>
          <span class="export-choice">
            <select data-format aria-label="Format of the export">
              {ExportFormat.options.map((format) => (
                <option key={format} value={format}>{format}</option>
              ))}
            </select>
            <button type="button" data-export={`POST /jobs/${job.id}/export`}>Export</button>
          </span>
        </div>
        <p data-exported></p>
      </div>
    </section>
  );
}
