import type { JobManifest } from "../../jobs/job.ts";
import { decimal, percent, whole } from "../../static/figures.js";
import type { LineageRow } from "./lineage.ts";
import { gateText, startText } from "./lineage_words.ts";

interface Branch {
  job: JobManifest;
  children: Branch[];
}

/** The lineage in words, for who does not see the graph: a list in which children are nested. */
export function LineageList(
  { rows, names }: { rows: readonly LineageRow[]; names: ReadonlyMap<string, string> },
) {
  return (
    <details class="lineage-words" id="lineage-words">
      <summary>As a list</summary>
      <Branches branches={branchesOf(rows)} names={names} />
    </details>
  );
}

function Branches(
  { branches, names }: { branches: Branch[]; names: ReadonlyMap<string, string> },
) {
  return (
    <ul>
      {branches.map(({ job, children }) => (
        <li id={`words-${job.id}`}>
          <a href={`/jobs/${job.id}`}>{job.run_name}</a>: {sentence(job, names)}
          {children.length > 0 && <Branches branches={children} names={names} />}
        </li>
      ))}
    </ul>
  );
}

function sentence(job: JobManifest, names: ReadonlyMap<string, string>): string {
  const { last } = job.metrics;
  const parents = job.parents.map((parent) => names.get(parent) ?? parent).join(" and ");
  const figures = [
    ["validation loss", last.val_loss, decimal],
    ["validation accuracy", last.val_accuracy, percent],
    ["test loss", last.test_loss, decimal],
    ["test accuracy", last.test_accuracy, percent],
  ] as const;
  return [
    parents === "" ? null : `${job.kind} of ${parents}`,
    job.state,
    `step ${whole(job.step)}`,
    startText(job),
    ...figures.map(([name, value, write]) => value === null ? null : `${name} ${write(value)}`),
    gateText(job),
  ].filter((part) => part !== null).join(", ");
}

/** Rows of a tree, which name their depth, as the tree. */
function branchesOf(rows: readonly LineageRow[]): Branch[] {
  const top: Branch[] = [];
  const open: Branch[][] = [top];
  for (const { job, depth } of rows) {
    const branch: Branch = { job, children: [] };
    open[depth]?.push(branch);
    open[depth + 1] = branch.children;
  }
  return top;
}
