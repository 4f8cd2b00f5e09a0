import {
  DataOrderPolicy,
  JobConfig,
  NonFinitePolicy,
  Precision,
} from "../../runtime/protocol/job_config.ts";
import { toSnakeCase } from "../../runtime/protocol/naming.ts";
import { control, Field } from "./field.tsx";

type Key = keyof JobConfig;

/** What kind of control a config key gets; exhaustive, so that a new key asks for one. */
const KINDS: Record<Key, "number" | "flag" | "json" | readonly string[]> = {
  maxEpochs: "number",
  maxSteps: "number",
  batchSize: "number",
  seed: "number",
  lr: "number",
  momentum: "number",
  schedule: "json",
  hparams: "json",
  gradClipNorm: "number",
  gradClipValue: "number",
  accumulateSteps: "number",
  backend: JobConfig.shape.backend.options,
  modelArgs: "json",
  precision: Precision.options,
  lossScale: "number",
  lossScaleGrowth: "number",
  lossScaleBackoff: "number",
  lossScaleInterval: "number",
  ckptEverySteps: "number",
  ckptKeep: "number",
  valEveryNEpochs: "number",
  valEveryNSteps: "number",
  dataOrderPolicy: DataOrderPolicy.options,
  enforceSamplerState: "flag",
  prefetch: "number",
  loaders: "number",
  telemetry: "json",
  telemetryEverySteps: "number",
  testAfter: "flag",
  pauseAfterTest: "flag",
  onNonFinite: NonFinitePolicy.options,
};

/**
 * One control for each config key; one left empty is not sent.
 *
 * @param inherited What holds when the field is left empty: shown in it, dimmed.
 */
export function ConfigFields({ inherited }: { inherited: Record<string, unknown> }) {
  return (
    <div class="config-fields">
      {(Object.keys(KINDS) as Key[]).map((key) => {
        const wire = toSnakeCase(key);
        const value = inherited[wire];
        return (
          <Field name={`config.${wire}`} label={wire} hint={JobConfig.shape[key].description}>
            <ConfigControl name={`config.${wire}`} kind={KINDS[key]} inherited={value} />
          </Field>
        );
      })}
    </div>
  );
}

function ConfigControl(
  { name, kind, inherited }: { name: string; kind: (typeof KINDS)[Key]; inherited: unknown },
) {
  const unset = inherited === undefined
    ? "as the module says"
    : typeof inherited === "object"
    ? JSON.stringify(inherited)
    : String(inherited);
  if (kind === "number") {
    return <input {...control(name)} inputmode="decimal" data-type="number" placeholder={unset} />;
  }
  if (kind === "json") return <input {...control(name)} data-type="json" placeholder={unset} />;
  const choices = kind === "flag" ? ["true", "false"] : kind;
  return (
    <select {...control(name)} data-type={kind === "flag" ? "boolean" : "text"}>
      <option value="">{unset}</option>
      {choices.map((choice) => <option key={choice} value={choice}>{choice}</option>)}
    </select>
  );
}
