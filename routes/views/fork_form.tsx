import type { Child } from "hono/jsx";
import type { CheckpointRecord, JobManifest } from "../../jobs/job.ts";
import type { Selection } from "../../runtime/protocol/selection.ts";
import { ApiForm } from "./api_form.tsx";
import { ConfigFields } from "./config_fields.tsx";
import { control, Field } from "./field.tsx";
import { selectionText } from "../../static/selection_text.js";
import { whole } from "../../static/figures.js";

/** The dialog that forks a job: which samples, from where, what differs. */
export function ForkForm(
  { job, checkpoints, at, picked = null }: {
    job: JobManifest;
    checkpoints: CheckpointRecord[];
    at: string;
    /** A selection that was made elsewhere and is kept; null lets the form ask for one. */
    picked?: PickedRule | null;
  },
) {
  return (
    <ApiForm
      title={`Fork ${job.run_name}`}
      call={`POST /jobs/${job.id}/fork`}
      submit="Fork"
      pending="Forking…"
    >
      {picked === null ? <SelectionFields job={job} /> : <PickedField picked={picked} />}
      <Field
        name="rehearsal"
        label="Others mixed in"
        hint="A share below 1 of what it trains on, against forgetting."
      >
        <input {...control("rehearsal")} inputmode="decimal" data-type="number" placeholder="0" />
      </Field>
      <Field name="at" label="From" hint="A fork starts with these weights and this optimizer.">
        <select {...control("at")} data-type="checkpoint">
          <option value="now" selected={at === "now"}>now, at step {whole(job.step)}</option>
          {[...checkpoints].reverse().map((record) => (
            <option
              value={String(record.checkpoint)}
              selected={at === String(record.checkpoint)}
            >
              checkpoint {whole(record.checkpoint)}, step {whole(record.step)}
            </option>
          ))}
        </select>
      </Field>
      <Field name="run_name" label="Name">
        <input {...control("run_name")} placeholder="the next free, like fork1" />
      </Field>
      <Field name="lr_mul" label="Learning rate ×">
        <input {...control("lr_mul")} inputmode="decimal" data-type="number" placeholder="1" />
      </Field>
      <Field name="optimizer" label="Optimizer state">
        <select {...control("optimizer")}>
          <option value="keep">keep</option>
          <option value="fresh">fresh</option>
        </select>
      </Field>
      {/* The page behind has a field of this name already. */}
      <Field name="schedule" id="field-fork-schedule" label="Learning rate schedule">
        <select {...control("schedule", "field-fork-schedule")}>
          <option value="continue">goes on</option>
          <option value="restart">begins anew</option>
        </select>
      </Field>
      <Field name="start" label="Start">
        <select {...control("start")} data-type="boolean">
          <option value="true">when there is a slot</option>
          <option value="false">parked, when I resume it</option>
        </select>
      </Field>
      <details class="wide">
        <summary>Config that differs from {job.run_name}</summary>
        <ConfigFields inherited={job.config} />
      </details>
    </ApiForm>
  );
}

/** A kept selection that a fork takes as it is. */
export interface PickedRule {
  selection: Selection;
  sha256: string;
}

function PickedField({ picked: { selection, sha256 } }: { picked: PickedRule }) {
  return (
    <div class="field wide" data-field="selection">
      <strong>Training samples: {selectionText(selection)}</strong>
      <input
        type="hidden"
        name="selection"
        data-type="json"
        value={JSON.stringify({ kind: "stored", sha256 })}
      />
      <p class="field-error" data-field-error></p>
    </div>
  );
}

function SelectionFields({ job }: { job: JobManifest }) {
  const count = job.selected ?? job.dataset?.train;
  const of = count === undefined ? "" : ` of ${whole(count)}`;
  return (
    <fieldset class="wide choices" data-choices="selection.kind">
      <legend>Training samples</legend>
      <Choice
        value="quantile"
        label="A loss quantile"
        hint="0 is the easiest sample, 1 the hardest."
        checked
      >
        <Field name="selection.from" label="from">
          <input
            {...control("selection.from")}
            data-type="number"
            inputmode="decimal"
            value="0.8"
          />
        </Field>
        <Field name="selection.to" label="to">
          <input {...control("selection.to")} data-type="number" inputmode="decimal" value="1" />
        </Field>
      </Choice>
      <Choice value="hardest" label="The hardest n">
        <Field name="selection.n" label={`n${of}`}>
          <input {...control("selection.n")} data-type="number" inputmode="numeric" value="100" />
        </Field>
      </Choice>
      <Choice value="indices" label="By index">
        <Field name="selection.indices" label="indices" hint="Numbers, and ranges like 10-19.">
          <input {...control("selection.indices")} data-type="indices" placeholder="0-9, 42" />
        </Field>
      </Choice>
      <Choice value="all" label={`All${of}`} />
    </fieldset>
  );
}

function Choice(
  { value, label, hint, checked = false, children }: {
    value: string;
    label: string;
    hint?: string;
    checked?: boolean;
    children?: Child;
  },
) {
  return (
    <div class="choice">
      <label>
        <input type="radio" name="selection.kind" value={value} checked={checked} /> {label}
      </label>
      <fieldset class="choice-fields" data-choice={value} disabled={!checked}>
        {children}
        {hint !== undefined && <p class="hint">{hint}</p>}
      </fieldset>
    </div>
  );
}
