import type { JobManifest } from "../../jobs/job.ts";
import { ApiForm } from "./api_form.tsx";
import { control, Field } from "./field.tsx";
import { brief, whole } from "../../static/figures.js";

/** Asks before a job is stopped, and says what stays. */
export function StopForm({ job }: { job: JobManifest }) {
  return (
    <ApiForm
      title={`Stop ${job.run_name}?`}
      call={`POST /jobs/${job.id}/stop`}
      submit="Stop"
      pending="Stopping…"
      danger
    >
      <p class="wide">
        It stops at the next batch and saves a checkpoint. Its log and checkpoints stay: it can be
        tested, forked, continued with a larger budget, or rewound.
      </p>
    </ApiForm>
  );
}

/** Asks before a job begins anew, and says what stays. */
export function ResetForm({ job }: { job: JobManifest }) {
  return (
    <ApiForm
      title={`Reset ${job.run_name}?`}
      call={`POST /jobs/${job.id}/reset`}
      submit="Reset"
      pending="Resetting…"
      danger
    >
      <p class="wide">
        It goes back to where it began: its first weights, counters and hyperparameters, in take
        {" "}
        {whole(job.take + 1)}. The log and the checkpoints of earlier takes stay, and a rewind still
        goes back to them.
      </p>
    </ApiForm>
  );
}

/** Asks which steps are trained again, beside the job, and compared with what it logged. */
export function CertificateForm({ job }: { job: JobManifest }) {
  return (
    <ApiForm
      title={`Certificate of ${job.run_name}`}
      call={`POST /jobs/${job.id}/certificate`}
      submit="Train again and compare"
      pending="Comparing…"
    >
      <p class="wide">
        Steps are trained again from a kept checkpoint, beside the job, and compared bit by bit with
        its log and its checkpoints. The job itself stays as it is.
      </p>
      <Field name="from" label="From step" hint="Empty: from the oldest checkpoint that is kept.">
        <input {...control("from")} data-type="number" inputmode="numeric" placeholder="oldest" />
      </Field>
      <Field name="to" label="To step" hint="Empty: up to the newest.">
        <input
          {...control("to")}
          data-type="number"
          inputmode="numeric"
          placeholder={whole(job.step)}
        />
      </Field>
    </ApiForm>
  );
}

/** Asks before a job is deleted with its files. */
export function DeleteForm({ job }: { job: JobManifest }) {
  return (
    <ApiForm
      title={`Delete ${job.run_name}?`}
      call={`DELETE /jobs/${job.id}`}
      submit="Delete"
      pending="Deleting…"
      danger
    >
      <p class="wide">
        Its module, files, checkpoints and events are removed. There is no way back.
      </p>
    </ApiForm>
  );
}

/** Continues an ended job: a larger budget. */
export function ContinueForm({ job }: { job: JobManifest }) {
  const { max_epochs, max_steps } = job.config;
  return (
    <ApiForm
      title={`Continue ${job.run_name}`}
      call={`POST /jobs/${job.id}/resume`}
      submit="Continue"
      pending="Resuming…"
    >
      <p class="wide">It goes on from its newest checkpoint, up to a larger budget.</p>
      <Field name="max_epochs" label="max_epochs" hint={`Now ${brief(max_epochs)}.`}>
        <input {...control("max_epochs")} data-type="number" inputmode="numeric" />
      </Field>
      <Field name="max_steps" label="max_steps" hint={`Now ${brief(max_steps)}.`}>
        <input {...control("max_steps")} data-type="number" inputmode="numeric" />
      </Field>
    </ApiForm>
  );
}
