import type { JobSeries } from "./job_series.ts";
import type { StepTable } from "./step_table.ts";

/** Every figure of a job, a row a step, ascending; newest take of each step. */
export interface MetricTable {
  /** `step`, `axis_step`, `epoch`, `ts`, then the figures by name. */
  columns: string[];
  /** Null where a step has no such figure. The rows stay as they are while the job goes on. */
  rows(): Generator<(number | null)[]>;
}

interface Part {
  steps: Float64Array;
  epochs: Float64Array;
  times: Float64Array;
  columns: { name: string; values: Float64Array }[];
}

/** The figures as they are now: what comes later changes no row of it. */
export function metricTable(series: JobSeries): MetricTable {
  const names = series.available();
  const { axisOffset } = series;
  const parts = [series.train, series.validation, series.test].map((table) =>
    partOf(table, names.filter((name) => series.tableOf(name) === table))
  );
  return {
    columns: [
      "step",
      "axis_step",
      "epoch",
      "ts",
      ...parts.flatMap(({ columns }) => columns.map(({ name }) => name)),
    ],
    rows: () => rowsOf(parts, axisOffset),
  };
}

function partOf(table: StepTable, names: readonly string[]): Part {
  const copy = (column: Float64Array) => column.slice(0, table.length);
  return {
    steps: copy(table.steps),
    epochs: copy(table.epochs),
    times: copy(table.times),
    columns: names.map((name) => ({ name, values: copy(table.columns.get(name)!) })),
  };
}

/** The tables side by side: a step that only one of them has is a row as well. */
function* rowsOf(parts: readonly Part[], axisOffset: number): Generator<(number | null)[]> {
  const at = parts.map(() => 0);
  for (;;) {
    const step = Math.min(...parts.map(({ steps }, part) => steps[at[part]!] ?? Infinity));
    if (step === Infinity) return;
    const here = parts.map(({ steps }, part) => steps[at[part]!] === step);
    const told = here.indexOf(true);
    const { epochs, times } = parts[told]!;
    yield [
      step,
      step + axisOffset,
      epochs[at[told]!]!,
      times[at[told]!]!,
      ...parts.flatMap(({ columns }, part) =>
        columns.map(({ values }) => {
          const value = here[part] ? values[at[part]!]! : NaN;
          return Number.isNaN(value) ? null : value;
        })
      ),
    ];
    here.forEach((there, part) => {
      if (there) at[part]!++;
    });
  }
}
