import type { JobManifest } from "../../jobs/job.ts";
import { ChartFigure, ChartToolbar, metricChart } from "./charts.tsx";
import { comparePath } from "./compare_address.ts";
import { CompareTables } from "./compare_tables.tsx";
import { StateBadge } from "./state_badge.tsx";

/** One job among those that are compared. */
export interface ComparedJob {
  job: JobManifest;
  /** What it goes by here: its name, and its project or id where that alone would be ambiguous. */
  name: string;
  /** Index of its colour, by order of creation in its session. */
  colour: number;
  /** Which dash pattern tells it from others of its colour: 0 is a whole line. */
  dash: number;
}

/** What the page `/compare` is drawn from. */
export interface ComparePageProps {
  jobs: ComparedJob[];
  /** Every figure that one of them has. */
  metrics: readonly string[];
  /** Those that have a chart. */
  shown: readonly string[];
}

/** Dash patterns of lines that share a colour. */
const DASHES = ["none", "6 4", "2 3", "9 3 2 3"];

/** The page `/compare`: charts overlaid, then what differs, as tables. */
export function ComparePage({ jobs, metrics, shown }: ComparePageProps) {
  if (jobs.length === 0) {
    return (
      <>
        <h1>Compare</h1>
        <p class="empty">
          No job is chosen. Tick two or more in <a href="/">the list of jobs</a>{" "}
          or on a session's page.
        </p>
      </>
    );
  }
  const query = comparePath(jobs.map(({ job }) => job.id)).slice("/compare".length);
  return (
    <>
      <h1>Compare {jobs.length} {jobs.length === 1 ? "job" : "jobs"}</h1>
      <div
        id="compared-jobs"
        hx-get={`/fragments/compare/jobs${query}`}
        hx-trigger="page:jobs from:body throttle:700ms"
        hx-swap="innerMorph"
      >
        <CompareLegend jobs={jobs} />
      </div>
      <section class="charts" aria-label="Charts" id="charts">
        <ChartToolbar axes={["axis", "step"]} />
        <div class="chart-groups" role="group" aria-label="Figures with a chart">
          {metrics.map((metric) => (
            <button
              type="button"
              class="quiet"
              data-metric={metric}
              aria-pressed={shown.includes(metric) ? "true" : "false"}
              aria-controls={`chart-${metric}`}
            >
              {metricChart(metric).title}
            </button>
          ))}
        </div>
        <div class="charts-main">
          {metrics.map((metric) => (
            <ChartFigure
              key={metric}
              chart={metricChart(metric)}
              waiting="No figures yet"
              hidden={!shown.includes(metric)}
            />
          ))}
        </div>
      </section>
      <div
        id="compare-tables"
        hx-get={`/fragments/compare/tables${query}`}
        hx-trigger="page:jobs from:body throttle:1500ms"
        hx-swap="innerMorph"
      >
        <CompareTables jobs={jobs} />
      </div>
    </>
  );
}

/** Which line is whose, and how each job stands; also a fragment. */
export function CompareLegend({ jobs }: { jobs: ComparedJob[] }) {
  const ids = jobs.map(({ job }) => job.id);
  return (
    <ul class="compared" data-list aria-label="Jobs compared">
      {jobs.map(({ job, name, colour, dash }) => (
        <li id={`compared-${job.id}`} data-job={job.id} data-state={job.state}>
          <svg class={`colour-${colour}`} width="24" height="8" aria-hidden="true">
            <path class="line" d="M0 4h24" stroke-dasharray={DASHES[dash % DASHES.length]!} />
          </svg>
          <a href={`/jobs/${job.id}`} data-nav>{name}</a>
          <StateBadge state={job.state} />
          {jobs.length > 1 && (
            <a
              class="quiet"
              href={comparePath(ids.filter((id) => id !== job.id))}
              aria-label={`Compare without ${name}`}
            >
              ✕
            </a>
          )}
        </li>
      ))}
    </ul>
  );
}
