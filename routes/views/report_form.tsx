import { actionsOf, type CheckpointRecord, type JobManifest } from "../../jobs/job.ts";
import type { ReportRecord } from "../../runtime/protocol/report.ts";
import { whole } from "../../static/figures.js";
import { control, Field } from "./field.tsx";

/** The form that scans a split: `POST /jobs/{id}/report`, with a button that ends it half-way. */
export function ReportForm(
  { job, checkpoints, like }: {
    job: JobManifest;
    checkpoints: CheckpointRecord[];
    /** A report whose split and groups are proposed again. */
    like: ReportRecord | null;
  },
) {
  const refused = !actionsOf(job.state, checkpoints.length > 0).includes("report");
  return (
    <form
      id="report-form"
      class="api-form"
      data-api={`POST /jobs/${job.id}/report`}
      data-pending="Scanning…"
      novalidate
    >
      <div class="form-body">
        <Field name="split" label="Split" hint="A report of test counts as a look at it.">
          <select {...control("split")}>
            {(["train", "val", "test"] as const).map((split) => (
              <option value={split} selected={split === (like?.split ?? "train")}>
                {split}
                {job.dataset !== null && `, ${whole(job.dataset[split])} samples`}
              </option>
            ))}
          </select>
        </Field>
        <Field name="at" label="At">
          <select {...control("at")} data-type="checkpoint">
            <option value="now">now, at step {whole(job.step)}</option>
            {[...checkpoints].sort((a, b) => b.checkpoint - a.checkpoint).map((record) => (
              <option value={String(record.checkpoint)}>
                checkpoint {whole(record.checkpoint)}, step {whole(record.step)}
              </option>
            ))}
          </select>
        </Field>
        {job.selected !== null && (
          <Field name="of" label="Of the training split">
            <select {...control("of")}>
              <option value="parent">what {job.run_name} trains on, {whole(job.selected)}</option>
              <option value="all">all of it, {whole(job.dataset?.train)}</option>
            </select>
          </Field>
        )}
        <div class="field">
          <label class="check">
            <input type="checkbox" data-enables="report-embedding" checked />{" "}
            Which samples are alike
          </label>
        </div>
        <fieldset class="wide choice-fields" id="report-embedding">
          <Field name="embedding.k" label="Clusters">
            <input {...control("embedding.k")} data-type="json" placeholder="auto" />
          </Field>
          <Field name="embedding.projection" label="Laid out by">
            <select {...control("embedding.projection")}>
              <option value="pca">pca, fast</option>
              <option value="umap">umap, slow</option>
            </select>
          </Field>
          <Field name="embedding.layer" label="Layer">
            <input {...control("embedding.layer")} placeholder="the one before the last" />
          </Field>
        </fieldset>
      </div>
      <p class="form-error" role="alert" data-form-error></p>
      <footer>
        <button type="button" class="quiet" data-copy-curl>Copy as curl</button>
        <span class="grow"></span>
        <button type="button" data-cancel-call hidden>Cancel the scan</button>
        <button
          type="submit"
          class="primary"
          disabled={refused}
          title={refused ? `A ${job.state} job takes no report` : undefined}
        >
          Scan
        </button>
      </footer>
    </form>
  );
}
