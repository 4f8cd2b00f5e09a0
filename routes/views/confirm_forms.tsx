import type { JobManifest } from "../../jobs/job.ts";
import { ApiForm } from "./api_form.tsx";
import { control, Field } from "./field.tsx";
import { brief } from "../../static/figures.js";

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
