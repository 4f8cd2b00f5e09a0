import type { Child } from "hono/jsx";
import type { JobManifest } from "../../jobs/job.ts";
import { brief, decimal, percent, whole } from "../../static/figures.js";
import type { ComparedJob } from "./compare_page.tsx";
import { ruleText } from "./lineage_words.ts";

/** A row of a table: what it is, and each job's cell. */
type Row = [name: string, cell: (job: JobManifest) => Child];

/** What differs between jobs: figures, what each was trained on, config. Also a fragment. */
export function CompareTables({ jobs }: { jobs: ComparedJob[] }) {
  const differing = differingKeys(jobs);
  const same = new Set(jobs.flatMap(({ job }) => Object.keys(job.config))).size - differing.length;
  return (
    <>
      <Table id="figures" title="Figures" jobs={jobs} rows={FIGURES}>
        <TestSplit jobs={jobs} />
      </Table>
      <Table id="trained" title="Trained on" jobs={jobs} rows={trainedOn(jobs)} />
      <Table
        id="config"
        title="Config that differs"
        jobs={jobs}
        rows={differing.map((key) => [key, (job) => brief(job.config[key])])}
      >
        <p class="dim">
          {differing.length === 0 ? "Nothing differs: all" : "The other"} {whole(same)} keys are the
          {" "}
          same.
        </p>
      </Table>
    </>
  );
}

const FIGURES: readonly Row[] = [
  ["steps of its own", (job) => whole(job.step)],
  ["axis step", (job) => whole(job.origin.step + job.step)],
  ["train loss", (job) => decimal(job.metrics.last.loss)],
  ["train accuracy", (job) => percent(job.metrics.last.accuracy)],
  ["validation loss", (job) => decimal(job.metrics.last.val_loss)],
  ["validation accuracy", (job) => percent(job.metrics.last.val_accuracy)],
  ["test loss", (job) => decimal(job.metrics.last.test_loss)],
  ["test accuracy", (job) => percent(job.metrics.last.test_accuracy)],
  ["test samples", (job) => whole(job.dataset?.test)],
  ["test looks", (job) => whole(job.test_looks)],
];

/** Whether the figures of the test split can be set side by side, and how often it was looked at. */
function TestSplit({ jobs }: { jobs: ComparedJob[] }) {
  const tested = jobs.map(({ job }) => job).filter((job) => job.metrics.last.test_loss !== null);
  const looks = jobs.reduce((sum, { job }) => sum + job.test_looks, 0);
  const hashes = new Set(tested.map((job) => job.dataset?.hash));
  const [first] = tested;
  if (first === undefined) return <p class="dim">None of them was tested yet.</p>;
  return (
    <p class={hashes.size > 1 ? "notice" : "dim"} data-test-split>
      {hashes.size > 1
        ? "They were tested on different data: their test figures do not compare."
        : `${tested.length} of ${jobs.length} tested, all on the same ${
          whole(first.dataset?.test)
        } test samples (data ${first.dataset?.hash.slice(0, 12) ?? "unknown"}).`}{" "}
      The test split was looked at {whole(looks)} {looks === 1 ? "time" : "times"}{" "}
      by these jobs; each look makes the best figure among them less of a promise.
    </p>
  );
}

function trainedOn(jobs: ComparedJob[]): Row[] {
  const names = new Map(jobs.map(({ job, name }) => [job.id, name]));
  return [
    ["kind", (job) => job.kind],
    ["selection", ruleText],
    [
      "training samples",
      ({ selected, dataset }) =>
        dataset === null ? "–" : `${whole(selected ?? dataset.train)} of ${whole(dataset.train)}`,
    ],
    ["from", (job) => job.parents.map((parent) => names.get(parent) ?? parent).join(", ") || "–"],
    ["from axis step", (job) => whole(job.origin.step)],
    ["data", (job) => job.dataset === null ? "–" : <code>{job.dataset.hash.slice(0, 12)}</code>],
    ["module", (job) => (
      <>
        {job.module.name} <code>{job.module.sha256.slice(0, 8)}</code>
      </>
    )],
    ["backend", (job) => job.backend?.name ?? "–"],
  ];
}

/** Keys of the config whose values are not all alike, in order. */
function differingKeys(jobs: ComparedJob[]): string[] {
  const keys = new Set(jobs.flatMap(({ job }) => Object.keys(job.config)));
  return [...keys].sort().filter((key) =>
    new Set(jobs.map(({ job }) => JSON.stringify(job.config[key]))).size > 1
  );
}

function Table(
  { id, title, jobs, rows, children }: {
    id: string;
    title: string;
    jobs: ComparedJob[];
    rows: readonly Row[];
    children?: Child;
  },
) {
  return (
    <section class="compare-table" aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      {children}
      {rows.length > 0 && (
        <div class="scroll" tabindex={0} role="group" aria-labelledby={`${id}-title`}>
          <table class="data" id={`table-${id}`}>
            <thead>
              <tr>
                <td></td>
                {jobs.map(({ name, colour }) => (
                  <th scope="col">
                    <span class={`swatch colour-${colour}`} aria-hidden="true"></span> {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map(([name, cell]) => (
                <tr>
                  <th scope="row">{name}</th>
                  {jobs.map(({ job }) => <td key={job.id}>{cell(job)}</td>)}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
