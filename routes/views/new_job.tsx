import { ConfigFields } from "./config_fields.tsx";
import { control, Field } from "./field.tsx";

/** The page `/new`: a module, its files, what differs from its config. */
export function NewJobPage({ name, source }: { name: string; source: string }) {
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
          <h2>Config</h2>
          <p class="hint">What is left empty stays as the module says.</p>
          <ConfigFields inherited={{}} />
        </section>
      </div>
    </form>
  );
}
