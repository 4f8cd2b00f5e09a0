import type { ReportRecord } from "../../runtime/protocol/report.ts";
import { decimal, percent, whole } from "../../static/figures.js";

/** How the losses lie, and a brush that picks among them; `static/loss_panel.js` draws it. */
export function LossPanel({ report }: { report: ReportRecord }) {
  const { loss, accuracy } = report.summary;
  const bad = loss.nan + loss.infinite;
  return (
    <section class="panel loss-panel" id="loss-panel" aria-labelledby="loss-title">
      <header>
        <h2 id="loss-title">Losses</h2>
        <p class="dim">
          mean {decimal(loss.mean)}, median {decimal(median(report))}, largest {decimal(loss.max)}
          {accuracy !== null && `, ${percent(accuracy)} right`}
          {bad > 0 && `, ${whole(bad)} not finite`}
        </p>
        <span class="readout" data-readout></span>
      </header>
      <div class="plot" data-plot>
        {loss.histogram.counts.length < 2 && (
          <p class="plot-empty">
            {loss.histogram.counts.length === 0 ? "No loss is finite" : "All losses are the same"}
          </p>
        )}
      </div>
      <form class="brush" id="brush" aria-label="Pick by loss">
        <ul class="legend">
          <li>
            <svg width="14" height="10" aria-hidden="true">
              <rect class="bar" x="1" y="1" width="12" height="8" />
            </svg>
            samples
          </li>
          <li>
            <svg width="20" height="10" aria-hidden="true">
              <path class="line" d="M0 8C8 8 8 2 20 2" />
            </svg>
            share up to this loss
          </li>
        </ul>
        <span class="grow"></span>
        <div>
          <label for="brush-by">Drag, or pick by</label>
          <select id="brush-by">
            <option value="quantile">quantile, 0 to 1</option>
            <option value="region">loss</option>
          </select>
        </div>
        <div>
          <label for="brush-from">from</label>
          <input id="brush-from" type="number" step="0.01" />
          <label for="brush-to">to</label>
          <input id="brush-to" type="number" step="0.01" />
        </div>
      </form>
    </section>
  );
}

function median({ summary }: ReportRecord): number | null {
  return summary.loss.quantiles.find(({ q }) => q === 0.5)?.value ?? null;
}
