import { ALLOWED, type JobAction, type JobManifest } from "../../jobs/job.ts";

/** A control of the job page: one call of the API, sent by `static/job_controls.js`. */
interface Control {
  /** Pause and resume share one, so that focus stays where it is when one becomes the other. */
  id: string;
  action: JobAction;
  label: string;
  key?: string;
  /** What the button reads while the call is under way. */
  pending: string;
  path: string;
  body: Record<string, unknown>;
}

const PAUSE: Control = {
  id: "do-pause",
  action: "pause",
  label: "Pause",
  key: "p",
  pending: "Pausing…",
  path: "pause",
  body: {},
};
const RESUME: Control = {
  id: "do-pause",
  action: "resume",
  label: "Resume",
  key: "p",
  pending: "Resuming…",
  path: "resume",
  body: {},
};
const TEST: Control = {
  id: "do-test",
  action: "test",
  label: "Test",
  key: "t",
  pending: "Testing…",
  path: "test",
  body: { split: "test" },
};
const CHECKPOINT: Control = {
  id: "do-checkpoint",
  action: "checkpoint",
  label: "Checkpoint",
  key: "c",
  pending: "Saving…",
  path: "checkpoints",
  body: {},
};
const PARK: Control = {
  id: "do-park",
  action: "pause",
  label: "Park: save, free the worker",
  pending: "Parking…",
  path: "pause",
  body: { release: true },
};

/** The row of buttons: what the state does not take is disabled and says so. */
export function JobControls({ job }: { job: JobManifest }) {
  const resumable = job.state === "paused" || job.state === "parked" || job.state === "pausing";
  const ended = job.state === "completed" || job.state === "stopped" || job.state === "failed";
  return (
    <div class="controls" role="group" aria-label="Controls">
      {ended
        ? (
          <DialogButton
            job={job}
            action="resume"
            label="Continue…"
            dialog="continue"
            shortcut="p"
          />
        )
        : <CallButton job={job} control={resumable ? RESUME : PAUSE} />}
      <CallButton job={job} control={TEST} />
      <CallButton job={job} control={CHECKPOINT} />
      <DialogButton job={job} action="fork" label="Fork…" dialog="fork" shortcut="f" />
      <DialogButton job={job} action="merge" label="Merge…" dialog="merge" shortcut="m" />
      <a class="button" href={`/jobs/${job.id}/inspect`} data-key="i" aria-keyshortcuts="i">
        Inspect
      </a>
      <DialogButton job={job} action="stop" label="Stop…" dialog="stop" />
      <details class="menu" data-menu id="more-controls">
        <summary class="button" aria-label="More">⋯</summary>
        <div class="menu-items">
          <CallButton job={job} control={PARK} />
          <DialogButton
            job={job}
            action="certificate"
            label="Certificate…"
            dialog="certificate"
          />
          <DialogButton job={job} action="reset" label="Reset…" dialog="reset" />
          <a class="button" href={`/new?from=${job.id}`}>New job from this module</a>
          <a class="button" href={`/jobs/${job.id}/checkpoints`} type="application/json">
            Checkpoints as JSON
          </a>
          <DialogButton job={job} action="delete" label="Delete…" dialog="delete" />
        </div>
      </details>
    </div>
  );
}

function CallButton({ job, control }: { job: JobManifest; control: Control }) {
  return (
    <button
      type="button"
      id={control.id}
      data-call={`POST /jobs/${job.id}/${control.path}`}
      data-body={JSON.stringify(control.body)}
      data-pending={control.pending}
      data-key={control.key}
      aria-keyshortcuts={control.key}
      {...refusal(job, control.action)}
    >
      {control.label}
    </button>
  );
}

function DialogButton(
  { job, action, label, dialog, shortcut }: {
    job: JobManifest;
    action: JobAction;
    label: string;
    dialog: string;
    shortcut?: string;
  },
) {
  return (
    <button
      type="button"
      id={`open-${dialog}`}
      hx-get={`/fragments/jobs/${job.id}/${dialog}`}
      hx-target="#dialog"
      data-key={shortcut}
      aria-keyshortcuts={shortcut}
      {...refusal(job, action)}
    >
      {label}
    </button>
  );
}

function refusal(job: JobManifest, action: JobAction): { disabled?: boolean; title?: string } {
  if (ALLOWED[job.state].includes(action)) return {};
  return { disabled: true, title: `A ${job.state} job does not take ${action}` };
}
