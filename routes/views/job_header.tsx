import { ALLOWED, type JobManifest } from "../../jobs/job.ts";
import { decimal, percent, whole } from "../../static/figures.js";
import { hparamTexts } from "./hparams_form.tsx";
import { JobControls } from "./job_controls.tsx";
import { StateBadge } from "./state_badge.tsx";

/**
 * The head of a job's page: what it is, how it stands, what can be done. Also the fragment that
 * follows every change of state; between two of them `static/live_figures.js` moves the numbers.
 */
export function JobHeader({ job }: { job: JobManifest }) {
  return (
    <>
      <div
        id="job-facts"
        hidden
        data-state={job.state}
        data-take={String(job.take)}
        data-steps-per-epoch={String(job.steps_per_epoch ?? "")}
        data-allowed={ALLOWED[job.state].join(" ")}
        data-hparams={JSON.stringify(hparamTexts(job))}
      />
      <div class="job-title">
        <h1>
          <a href={`/sessions/${job.session}`} data-session-link>{job.project}</a>
          <span class="dim" aria-hidden="true">/</span>
          {job.run_name}
        </h1>
        <StateBadge state={job.state} />
        <JobFigures job={job} />
        <span id="job-progress" class="job-progress" hx-morph-skip=""></span>
      </div>
      <JobControls job={job} />
    </>
  );
}

function JobFigures({ job }: { job: JobManifest }) {
  const { max_epochs, max_steps } = job.config;
  const epochs = typeof max_epochs === "number" ? `/${whole(max_epochs)}` : "";
  const steps = typeof max_steps === "number" ? `/${whole(max_steps)}` : "";
  const { last } = job.metrics;
  return (
    <dl class="figures">
      <Figure name="step" value={whole(job.step)} of={steps} />
      <Figure name="epoch" value={whole(job.epoch)} of={epochs} />
      <Figure name="steps_per_s" label="steps/s" value="–" />
      <Figure name="loss" value={decimal(last.loss)} />
      <Figure name="accuracy" label="acc" value={percent(last.accuracy)} />
      {last.test_accuracy !== null && (
        <Figure name="test" value={percent(last.test_accuracy)} of={` (${job.test_looks}×)`} />
      )}
    </dl>
  );
}

function Figure(
  { name, label = name, value, of = "" }: {
    name: string;
    label?: string;
    value: string;
    of?: string;
  },
) {
  const live = name === "steps_per_s";
  return (
    <div class={`figure figure-${name}`}>
      <dt>{label}</dt>
      <dd>
        <span data-live={name} id={`live-${name}`} hx-morph-skip={live ? "" : undefined}>
          {value}
        </span>
        {of !== "" && <span class="dim">{of}</span>}
      </dd>
    </div>
  );
}
