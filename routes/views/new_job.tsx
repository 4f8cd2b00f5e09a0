import { ConfigFields } from "./config_fields.tsx";
import { control, Field, fieldId } from "./field.tsx";

/** What the page `/new` is drawn from. */
export interface NewJobPageProps {
  name: string;
  source: string;
  /** Names of the datasets there are. */
  datasets: readonly string[];
  /** What the operator lets submissions ask for. */
  grants: { read: readonly string[]; net: readonly string[] };
}

/** The page `/new`: a module, its files and data, what it may do, what differs from its config. */
export function NewJobPage({ name, source, datasets, grants }: NewJobPageProps) {
  return (
    <form class="new-job" data-submit novalidate>
      <header class="new-job-head">
        <h1>New job</h1>
        <span class="grow"></span>
        <button type="button" class="quiet" data-copy-curl>Copy as curl</button>
        <button type="submit" class="primary">Start training</button>
      </header>
      <p class="form-error" role="alert" data-form-error></p>
      <div class="new-job-body">
        <section class="new-job-module" data-drop aria-label="Module">
          <Field
            name="module"
            label={`Module (${name})`}
            hint="Paste TypeScript with a default export of defineJob({…}), or drop the file here."
          >
            <textarea
              {...control("module")}
              rows={28}
              spellcheck={false}
              autocomplete="off"
              wrap="off"
              data-module={name}
            >
              {source}
            </textarea>
          </Field>
          <p class="syntax" role="status" aria-live="polite" data-syntax></p>
        </section>
        <section class="new-job-side" aria-label="Files, names and config">
          <Field
            name="files"
            label="Files"
            hint="Data that the module reads with ctx.file(name), and .ts modules it imports."
          >
            <input {...control("files")} type="file" multiple data-files />
          </Field>
          <ul class="file-list" data-file-list aria-label="Files to send"></ul>
          <Field name="project" label="Project" hint="Empty: as the module says.">
            <input {...control("project")} autocomplete="off" />
          </Field>
          <Field name="run_name" label="Name" hint="Empty: as the module says.">
            <input {...control("run_name")} autocomplete="off" />
          </Field>
          <Field
            name="priority"
            label="Priority"
            hint="From -100 to 100: the higher goes first where jobs wait for a slot."
          >
            <input
              {...control("priority")}
              inputmode="numeric"
              data-type="number"
              placeholder="0"
            />
          </Field>
          <DatasetFields datasets={datasets} />
          <PermissionFields grants={grants} />
          <h2>Config</h2>
          <p class="hint">What is left empty stays as the module says.</p>
          <ConfigFields inherited={{}} />
        </section>
      </div>
    </form>
  );
}

function DatasetFields({ datasets }: { datasets: readonly string[] }) {
  return (
    <fieldset class="field boxes" data-field="datasets" aria-describedby="field-datasets-hint">
      <legend>Datasets</legend>
      {datasets.map((name) => (
        <label>
          <input type="checkbox" name="datasets" value={name} data-type="list" /> {name}
        </label>
      ))}
      <p class="hint" id="field-datasets-hint">
        {datasets.length === 0
          ? "None here yet; PUT /datasets/{name} uploads one."
          : "The module reads those ticked with ctx.dataset(name)."}
      </p>
      <p class="field-error" id={`${fieldId("datasets")}-error`} data-field-error></p>
    </fieldset>
  );
}

const PERMISSIONS = [
  {
    key: "read",
    label: "May read folders",
    setting: "ONTHEFLY_ALLOW_READ",
    example: "/data/pets",
  },
  {
    key: "net",
    label: "May reach hosts",
    setting: "ONTHEFLY_ALLOW_NET",
    example: "data.example:443",
  },
] as const;

/** One folder or host a line. What the operator grants none of cannot be asked for. */
function PermissionFields({ grants }: { grants: NewJobPageProps["grants"] }) {
  return (
    <>
      {PERMISSIONS.map(({ key, label, setting, example }) => (
        <Field
          name={`permissions.${key}`}
          label={label}
          hint={grants[key].length === 0
            ? `This server grants none (${setting}).`
            : `One a line, within what this server grants: ${grants[key].join(", ")}.`}
        >
          <textarea
            {...control(`permissions.${key}`)}
            class="lines"
            rows={2}
            spellcheck={false}
            data-type="lines"
            placeholder={example}
            disabled={grants[key].length === 0}
          />
        </Field>
      ))}
    </>
  );
}
