import type { ReportRow } from "../../jobs/inspection/report_rows.ts";
import type { Trajectories } from "../../jobs/inspection/trajectories.ts";
import type { ColumnName, ReportRecord } from "../../runtime/protocol/report.ts";
import { decimal, percent, whole } from "../../static/figures.js";

/** Samples of a page of the table. */
export const TABLE_ROWS = 20;

const WIDTH = 96;
const HEIGHT = 20;

/** Columns of the table, and the order that a first press on their head asks for. */
const COLUMNS: readonly { name: ColumnName; title: string; sort: string; number?: true }[] = [
  { name: "index", title: "Sample", sort: "index", number: true },
  { name: "label", title: "True", sort: "label" },
  { name: "prediction", title: "Predicted", sort: "prediction" },
  { name: "confidence", title: "Confidence", sort: "-confidence", number: true },
  { name: "margin", title: "Margin", sort: "margin", number: true },
  { name: "loss", title: "Loss", sort: "-loss", number: true },
  { name: "cluster", title: "Cluster", sort: "cluster", number: true },
];

/** What the table of samples is drawn from. */
export interface SampleTableProps {
  report: ReportRecord;
  rows: ReportRow[];
  trajectories: Trajectories;
  sort: string;
  /** Place of the first of these rows in the order. */
  first: number;
}

/** A page of a report's samples, the hardest first unless asked otherwise. */
export function SampleTable(props: SampleTableProps) {
  const { report, rows, trajectories, sort, first } = props;
  const known = new Set(report.columns.map(({ name }) => name));
  const columns = COLUMNS.filter(({ name }) => known.has(name));
  const moved = trajectories.steps.length > 1;
  const most = Math.max(...trajectories.losses.flat().map((loss) => loss ?? 0));
  return (
    <div data-sort={sort} data-first={String(first)} id="sample-page">
      <div class="scroll" tabindex={0} aria-label="Samples">
        <table class="data samples">
          <thead>
            <tr>
              {columns.map((column) => (
                <SortableHead key={column.name} column={column} report={report} sort={sort} />
              ))}
              {moved && <th scope="col">{trajectoryTitle(trajectories.steps)}</th>}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, at) => (
              <tr key={row.row} class={isWrong(row) ? "wrong" : undefined}>
                {columns.map(({ name, number }) => (
                  <td key={name} class={number ? "number" : undefined}>
                    {cell(report, name, row)}
                  </td>
                ))}
                {moved && (
                  <td>
                    <Trajectory
                      losses={trajectories.losses[at] ?? []}
                      steps={trajectories.steps}
                      most={most}
                    />
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Pages report={report} sort={sort} first={first} />
    </div>
  );
}

function SortableHead(
  { column, report, sort }: {
    column: (typeof COLUMNS)[number];
    report: ReportRecord;
    sort: string;
  },
) {
  const { name, title, number } = column;
  const chosen = sort.replace(/^-/, "") === name;
  const descends = sort.startsWith("-");
  const next = chosen ? (descends ? name : `-${name}`) : column.sort;
  return (
    <th
      scope="col"
      class={number ? "number" : undefined}
      aria-sort={chosen ? (descends ? "descending" : "ascending") : undefined}
    >
      <button
        type="button"
        class="quiet"
        id={`sort-${name}`}
        hx-get={pageAddress(report, next, 0)}
        hx-target="#samples"
        hx-swap="innerMorph"
      >
        {title}
        {chosen && <span aria-hidden="true">{descends ? "↓" : "↑"}</span>}
      </button>
    </th>
  );
}

function Pages({ report, sort, first }: { report: ReportRecord; sort: string; first: number }) {
  const end = Math.min(report.samples, first + TABLE_ROWS);
  return (
    <nav class="sample-pages" aria-label="Pages of samples">
      <PageButton
        id="samples-before"
        address={first === 0 ? null : pageAddress(report, sort, Math.max(0, first - TABLE_ROWS))}
      >
        Before
      </PageButton>
      <span>
        {whole(first + 1)}–{whole(end)} of {whole(report.samples)}
      </span>
      <PageButton
        id="samples-after"
        address={end >= report.samples ? null : pageAddress(report, sort, end)}
      >
        After
      </PageButton>
    </nav>
  );
}

function PageButton(
  { id, address, children }: { id: string; address: string | null; children: string },
) {
  return (
    <button
      type="button"
      id={id}
      hx-get={address ?? undefined}
      hx-target="#samples"
      hx-swap="innerMorph"
      disabled={address === null}
    >
      {children}
    </button>
  );
}

/** Losses over the reports on the scale of the whole page, so that lines can be compared. */
function Trajectory(
  { losses, steps, most }: { losses: (number | null)[]; steps: number[]; most: number },
) {
  const said = losses.map((loss, at) => `${decimal(loss)} at step ${whole(steps[at])}`).join(", ");
  const points = losses.flatMap((loss, at) => {
    if (loss === null) return [];
    const x = 2 + at / Math.max(1, losses.length - 1) * (WIDTH - 4);
    const y = HEIGHT - 2 - loss / (most || 1) * (HEIGHT - 4);
    return [`${x.toFixed(1)} ${y.toFixed(1)}`];
  });
  const [endX, endY] = (points.at(-1) ?? "0 0").split(" ");
  return (
    <svg
      class="trajectory"
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`Losses ${said}`}
    >
      <title>{said}</title>
      <path d={points.map((point, at) => `${at === 0 ? "M" : "L"}${point}`).join("")} />
      {points.length > 0 && <circle cx={endX} cy={endY} r="2" />}
    </svg>
  );
}

function trajectoryTitle(steps: number[]): string {
  return `Loss from step ${whole(steps[0])} to ${whole(steps.at(-1))}`;
}

/** Address of a page of the table. */
export function pageAddress({ job, report }: ReportRecord, sort: string, first: number): string {
  return `/fragments/jobs/${job}/reports/${report}/samples?sort=${sort}&first=${first}`;
}

function isWrong({ label, prediction }: ReportRow): boolean {
  return label !== undefined && prediction !== undefined && label !== prediction;
}

function cell(report: ReportRecord, name: ColumnName, row: ReportRow) {
  const value = row[name] ?? null;
  if (name === "label" || name === "prediction") {
    const word = value === null ? "" : report.class_names?.[value] ?? String(value);
    return name === "prediction" && isWrong(row) ? `${word} ✗` : word;
  }
  if (name === "confidence") return percent(value);
  if (name === "index" || name === "cluster") return whole(value);
  return value === null ? "not finite" : decimal(value);
}
