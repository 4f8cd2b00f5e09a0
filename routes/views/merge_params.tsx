import { z } from "zod";
import { MERGE_STRATEGIES, type MergeStrategy } from "../../runtime/protocol/merge_strategy.ts";
import { control, Field } from "./field.tsx";

/** Of the JSON schema of a parameter, what its field needs. */
interface Parameter {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: string[];
}

/** The parameters of each strategy; `static/api_form.js` shows those of the one that is chosen. */
export function MergeParams({ chosen }: { chosen: MergeStrategy }) {
  return (
    <>
      {(Object.keys(MERGE_STRATEGIES) as MergeStrategy[]).map((strategy) => (
        <fieldset
          key={strategy}
          class="wide strategy-params"
          data-strategy={strategy}
          disabled={strategy !== chosen}
        >
          {parametersOf(strategy).map(([name, parameter]) => (
            <ParamField key={name} strategy={strategy} name={name} parameter={parameter} />
          ))}
        </fieldset>
      ))}
    </>
  );
}

function ParamField(
  { strategy, name, parameter }: { strategy: string; name: string; parameter: Parameter },
) {
  const { description, enum: words, type } = parameter;
  const usual = parameter.default === undefined ? "" : String(parameter.default);
  const options = words ?? (type === "boolean" ? ["false", "true"] : null);
  // Strategies share names of parameters: the strategy keeps the ids apart.
  const attributes = control(`params.${name}`, `field-params-${strategy}-${name}`);
  return (
    <Field name={`params.${name}`} id={attributes.id} label={name} hint={description}>
      {options === null
        ? (
          <input
            {...attributes}
            data-type="json"
            placeholder={type === "array" ? '["head/*"]' : usual}
          />
        )
        : (
          <select {...attributes} data-type={type === "boolean" ? "boolean" : undefined}>
            {usual === "" && <option value="">as it comes</option>}
            {options.map((word) => (
              <option key={word} value={word} selected={word === usual}>{word}</option>
            ))}
          </select>
        )}
    </Field>
  );
}

/** What a strategy takes beside weights, which stand with the parents. */
function parametersOf(strategy: MergeStrategy): [string, Parameter][] {
  const { properties = {} } = z.toJSONSchema(MERGE_STRATEGIES[strategy], { io: "input" });
  return (Object.entries(properties) as [string, Parameter][])
    .filter(([name]) => name !== "weights");
}
