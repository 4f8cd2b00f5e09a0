import type { JobManifest } from "../../jobs/job.ts";
import { UserHparams } from "../../runtime/protocol/job_config.ts";
import { control, Field } from "./field.tsx";

/** The form that changes hyperparameters live; a field left empty is not sent. */
export function HparamsForm({ job }: { job: JobManifest }) {
  const now = hparamTexts(job);
  const own = Object.entries(ownHparams(job));
  return (
    <form
      class="hparams"
      data-api={`PATCH /jobs/${job.id}/hparams`}
      data-pending="Setting…"
      data-hparams
      novalidate
      aria-label="Hyperparameters, applied at the next batch"
    >
      <NumberField name="lr" label="lr" size={8} now={now["lr"]} />
      <NumberField name="batch_size" label="batch" size={5} now={now["batch_size"]} />
      <details class="menu">
        <summary>more</summary>
        <div class="menu-items more-hparams">
          <NumberField name="momentum" label="momentum" size={6} now={now["momentum"]} />
          <NumberField
            name="grad_clip_norm"
            label="clip norm"
            size={6}
            now={now["grad_clip_norm"]}
          />
          <NumberField
            name="grad_clip_value"
            label="clip value"
            size={6}
            now={now["grad_clip_value"]}
          />
          <Field name="schedule" label="schedule">
            <input
              {...control("schedule")}
              data-type="json"
              size={16}
              placeholder={now["schedule"]}
            />
          </Field>
          {own.map(([name, value]) => (
            <OwnField
              name={`hparams.${name}`}
              label={name}
              now={value}
            />
          ))}
        </div>
      </details>
      <button type="submit">Set</button>
      <p class="form-error" role="alert" data-form-error></p>
    </form>
  );
}

/** What each field of the form shows while it is empty, by name: what is in effect. */
export function hparamTexts(job: JobManifest): Record<string, string> {
  const { config } = job;
  const or = (name: string, otherwise: string) =>
    config[name] === null || config[name] === undefined ? otherwise : String(config[name]);
  const own = Object.entries(ownHparams(job)).map(([name, value]) =>
    [`hparams.${name}`, String(value)] as const
  );
  const { schedule = "module" } = config;
  return {
    lr: or("lr", "live"),
    batch_size: or("batch_size", "32"),
    momentum: or("momentum", "module"),
    grad_clip_norm: or("grad_clip_norm", "off"),
    grad_clip_value: or("grad_clip_value", "off"),
    schedule: typeof schedule === "string" ? schedule : JSON.stringify(schedule),
    ...Object.fromEntries(own),
  };
}

function ownHparams({ config }: JobManifest): UserHparams {
  return UserHparams.safeParse(config["hparams"]).data ?? {};
}

function NumberField(
  { name, label, size, now }: {
    name: string;
    label: string;
    size: number;
    now: string | undefined;
  },
) {
  return (
    <Field name={name} label={label}>
      <input
        {...control(name)}
        data-type="number"
        inputmode="decimal"
        size={size}
        placeholder={now}
      />
    </Field>
  );
}

/** A hyperparameter that the module declares, by the kind of its value. */
function OwnField({ name, label, now }: { name: string; label: string; now: unknown }) {
  if (typeof now === "number") {
    return <NumberField name={name} label={label} size={6} now={`${now}`} />;
  }
  return (
    <Field name={name} label={label}>
      {typeof now === "boolean"
        ? (
          <select {...control(name)} data-type="boolean">
            <option value="">{String(now)}</option>
            <option value={String(!now)}>{String(!now)}</option>
          </select>
        )
        : <input {...control(name)} data-type="text" size={10} placeholder={String(now)} />}
    </Field>
  );
}
