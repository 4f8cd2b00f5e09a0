import type { JobManifest } from "../../jobs/job.ts";

/** Id of the form that the boxes of a list belong to. */
const FORM = "compare";

/** Sends the ticked jobs of a list to `/compare`; `static/compare_choice.js` counts them. */
export function CompareForm() {
  return (
    <form id={FORM} class="compare-form" method="get" action="/compare">
      <button type="submit" data-compare>Compare</button>
    </form>
  );
}

/** The box of one job. What is ticked stays so when the list is drawn anew. */
export function CompareBox({ job }: { job: JobManifest }) {
  return (
    <input
      type="checkbox"
      name="jobs"
      value={job.id}
      form={FORM}
      aria-label={`Compare ${job.run_name}`}
      hx-morph-skip=""
    />
  );
}
