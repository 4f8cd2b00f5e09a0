import { MERGE_STRATEGIES } from "../../runtime/protocol/merge_strategy.ts";
import type { JobManifest } from "../../jobs/job.ts";
import { ApiForm } from "./api_form.tsx";
import { ConfigFields } from "./config_fields.tsx";
import { MergeParams } from "./merge_params.tsx";
import { control, Field } from "./field.tsx";
import { decimal, percent, whole } from "../../static/figures.js";

/** The dialog that merges a job with others of its session. */
export function MergeForm({ job, others }: { job: JobManifest; others: JobManifest[] }) {
  return (
    <ApiForm
      title={`Merge ${job.run_name} with others`}
      call={`POST /jobs/${job.id}/merge`}
      submit="Merge"
      pending="Merging…"
    >
      <fieldset class="wide" data-field="with">
        <legend>With, and how much of each</legend>
        {others.length === 0 && (
          <p class="hint">
            {job.run_name}{" "}
            is alone in its session. Fork it first, then merge what the forks learned.
          </p>
        )}
        <table class="data merge-parents">
          <tbody>
            <tr>
              <td>
                <label>
                  <input type="checkbox" checked disabled /> {job.run_name}
                </label>
              </td>
              <Standing job={job} />
              <Weight job={job} />
            </tr>
            {others.map((other, position) => (
              <tr>
                <td>
                  <label>
                    <input
                      type="checkbox"
                      name="with"
                      value={other.id}
                      data-type="list"
                      checked={position === 0}
                    />{" "}
                    {other.run_name}
                  </label>
                </td>
                <Standing job={other} />
                <Weight job={other} />
              </tr>
            ))}
          </tbody>
        </table>
        <p class="field-error" data-field-error></p>
      </fieldset>
      <Field name="strategy" label="Strategy">
        <select {...control("strategy")}>
          {Object.keys(MERGE_STRATEGIES).map((name) => (
            <option key={name} value={name}>{name}</option>
          ))}
        </select>
      </Field>
      <Field name="run_name" label="Name">
        <input {...control("run_name")} placeholder="the next free, like merge1" />
      </Field>
      <Field name="start" label="Then">
        <select {...control("start")} data-type="boolean">
          <option value="false">park it, to be tested</option>
          <option value="true">train it</option>
        </select>
      </Field>
      <MergeParams chosen="swa" />
      <GateFields />
      <details class="wide">
        <summary>Config that differs from {job.run_name}</summary>
        <ConfigFields inherited={job.config} />
      </details>
    </ApiForm>
  );
}

/** How the merge is judged against its parents. */
function GateFields() {
  return (
    <fieldset class="wide strategy-params">
      <legend>Judged against its parents</legend>
      <Field name="gate.metric" label="By">
        <select {...control("gate.metric")}>
          <option value="">accuracy, where there is one</option>
          <option value="accuracy">accuracy</option>
          <option value="loss">loss</option>
        </select>
      </Field>
      <Field name="gate.min_delta" label="Better by at least">
        <input
          {...control("gate.min_delta")}
          data-type="number"
          inputmode="decimal"
          placeholder="0"
        />
      </Field>
      <Field name="gate.on_fail" label="Otherwise">
        <select {...control("gate.on_fail")}>
          <option value="keep">keep it all the same</option>
          <option value="discard">discard it</option>
          <option value="fallback_best">take the best parent</option>
        </select>
      </Field>
      <label class="wide">
        <input type="checkbox" name="control" value="true" data-type="boolean" />{" "}
        Also train as many steps without a merge, to compare
      </label>
    </fieldset>
  );
}

function Standing({ job }: { job: JobManifest }) {
  const { last } = job.metrics;
  return (
    <>
      <td class="number">step {whole(job.step)}</td>
      <td class="number">loss {decimal(last.loss)}</td>
      <td class="number">{percent(last.test_accuracy ?? last.val_accuracy ?? last.accuracy)}</td>
    </>
  );
}

function Weight({ job }: { job: JobManifest }) {
  return (
    <td>
      <input
        class="weight"
        data-weight={job.id}
        inputmode="decimal"
        value="1"
        disabled
        aria-label={`Weight of ${job.run_name}`}
      />
    </td>
  );
}
