import type { Child } from "hono/jsx";

/** A form in a dialog that sends one call of the API as JSON, and shows its errors at the fields. */
export function ApiForm(
  { title, call, submit, pending, danger = false, children }: {
    title: string;
    /** Method and path: `POST /jobs/job-1/fork`. */
    call: string;
    submit: string;
    pending: string;
    danger?: boolean;
    children?: Child;
  },
) {
  return (
    <form class="api-form" data-api={call} data-pending={pending} novalidate>
      <header>
        <h2 id="dialog-title">{title}</h2>
        <button type="button" class="quiet" data-close aria-label="Close">✕</button>
      </header>
      <div class="form-body">{children}</div>
      <p class="form-error" role="alert" data-form-error></p>
      <footer>
        <button type="button" class="quiet" data-copy-curl>Copy as curl</button>
        <span class="grow"></span>
        <button type="button" data-close>Cancel</button>
        <button type="submit" class={danger ? "danger" : "primary"}>{submit}</button>
      </footer>
    </form>
  );
}
