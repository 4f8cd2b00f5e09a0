import type { ReportRecord } from "../../runtime/protocol/report.ts";
import { pageAddress } from "./sample_table.tsx";

/** The hardest samples, and rules that pick among them. */
export function SamplesPanel(
  { report, sort, first }: { report: ReportRecord; sort: string; first: number },
) {
  const outcomes = report.columns.some(({ name }) => name === "prediction");
  return (
    <section class="panel samples-panel" aria-labelledby="samples-title">
      <header>
        <h2 id="samples-title">Samples</h2>
        <span class="grow"></span>
        <form class="hardest" id="hardest">
          <label for="hardest-n">The hardest</label>
          <input id="hardest-n" type="number" min="1" max={report.samples} value="100" />
          <button type="submit">Pick</button>
        </form>
        {outcomes && (
          <button type="button" data-pick={JSON.stringify({ kind: "misclassified" })}>
            Pick what it gets wrong
          </button>
        )}
      </header>
      <div id="samples" hx-get={pageAddress(report, sort, first)} hx-trigger="load">
        <p class="empty">Loading the samples…</p>
      </div>
    </section>
  );
}
