import type { Child } from "hono/jsx";

/** One field of a form: label, control, hint, and the place where the API's error is shown. */
export function Field(
  { name, label, hint, id = fieldId(name), children }: {
    /** Path of the field as the API's errors name it: `selection.from`. */
    name: string;
    label: string;
    hint?: string | undefined;
    /** Id of its control, where a form has several fields of this name. */
    id?: string;
    children?: Child;
  },
) {
  return (
    <div class="field" data-field={name}>
      <label for={id}>{label}</label>
      {children}
      {hint !== undefined && <p class="hint" id={`${id}-hint`}>{hint}</p>}
      <p class="field-error" id={`${id}-error`} data-field-error></p>
    </div>
  );
}

/** Id of a field's control. */
export function fieldId(name: string): string {
  return `field-${name.replaceAll(".", "-")}`;
}

/** What ties a control to its hint and error: id, name and description. */
export function control(
  name: string,
  id = fieldId(name),
): { id: string; name: string; "aria-describedby": string } {
  return { id, name, "aria-describedby": `${id}-hint ${id}-error` };
}
