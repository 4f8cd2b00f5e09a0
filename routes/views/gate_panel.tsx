import type { JobManifest } from "../../jobs/job.ts";
import type { GateResult, GateRow } from "../../runtime/protocol/merge_gate.ts";
import { decimal, percent, whole } from "../../static/figures.js";

type Advantage = GateResult["advantage"];
type Metric = GateResult["metric"];

/** What the gate of a merge found: the verdict in words, then every model beside the merge. */
export function GatePanel(
  { job, gate, family }: { job: JobManifest; gate: GateResult | null; family: JobManifest[] },
) {
  if (job.spawn?.kind !== "merge" || gate === null) return null;
  const names = new Map(family.map((relative) => [relative.id, relative.run_name]));
  return (
    <section class="gate" aria-labelledby="gate-title">
      <header>
        <h2 id="gate-title">Merge against its parents</h2>
        <Verdict gate={gate} names={names} />
      </header>
      {gate.table === null
        ? <p class="dim">The table is too long for this page; the event merge_gate has it.</p>
        : <GateTable gate={gate} rows={gate.table} names={names} />}
      {gate.barriers.map(({ job: other, barrier }) => (
        <p key={other} class="dim">
          On the straight line to {names.get(other) ?? other} the loss rises by at most{" "}
          {decimal(barrier)} above the line between its ends.
        </p>
      ))}
      {gate.notes.map((note) => <p key={note} class="dim">{note}</p>)}
    </section>
  );
}

/** One shape a verdict, so that colour never tells it alone. */
const VERDICTS = {
  accepted: { word: "Accepted", shape: "M1.75 6.5l3 3l5.5-7" },
  inconclusive: { word: "Inconclusive", shape: "M2 6h8" },
  refused: { word: "Not accepted", shape: "M2.5 2.5l7 7M9.5 2.5l-7 7" },
};

function Verdict({ gate, names }: { gate: GateResult; names: Map<string, string> }) {
  const kind = gate.accepted === true
    ? "accepted"
    : gate.accepted === "inconclusive"
    ? "inconclusive"
    : "refused";
  const { word, shape } = VERDICTS[kind];
  const best = names.get(gate.best_parent.job) ?? gate.best_parent.job;
  return (
    <p>
      <strong class={`state verdict-${kind}`}>
        <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
          <path d={shape} />
        </svg>
        {word}
      </strong>{" "}
      {reason(gate, best)} {OUTCOMES[gate.outcome]}
    </p>
  );
}

const OUTCOMES: Record<GateResult["outcome"], string> = {
  kept: "",
  discarded: "It was discarded.",
  fallback_best: "The weights of the best parent took its place.",
};

function reason(gate: GateResult, best: string): string {
  const { advantage, metric, min_delta, accepted, samples, split } = gate;
  const on = `on the ${whole(samples)} samples of ${split}`;
  if (advantage === null) return `${on} nothing could be compared.`;
  const by = `${interval(advantage, metric)} in ${metric} ${on}`;
  const asked = min_delta > 0
    ? ` At least ${figure(min_delta, metric)}${UNITS[metric]} was asked for.`
    : "";
  if (accepted === true) return `Better than ${best}, its best parent: ${by}.${asked}`;
  if (accepted === false) {
    const word = advantage.high <= 0 ? "Worse than" : "Not better enough than";
    return `${word} ${best}, its best parent: ${by}.${asked}`;
  }
  return `Too close to ${best}, its best parent, to tell: ${by}.${asked}`;
}

function GateTable(
  { gate, rows, names }: { gate: GateResult; rows: GateRow[]; names: Map<string, string> },
) {
  return (
    <div class="scroll" tabindex={0} aria-label="Models of the gate">
      <table class="data">
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col">On</th>
            <th scope="col" class="number">Samples</th>
            <th scope="col" class="number">Loss</th>
            <th scope="col" class="number">Accuracy</th>
            <th scope="col">The merge is better by (95%)</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={`${row.model} ${row.job} ${row.checkpoint} ${row.on} ${row.slice} ${row.batch_norm}`}
              class={row.model === "child" ? "gate-child" : undefined}
            >
              <td>{modelName(row, names)}</td>
              <td>
                {row.slice === null ? row.on : `${row.on}, as ${names.get(row.slice) ?? row.slice}`}
              </td>
              <td class="number">{whole(row.samples)}</td>
              <td class="number">{decimal(row.loss)}</td>
              <td class="number">{percent(row.accuracy)}</td>
              <td>{advantageText(row, gate.metric)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const MODELS: Record<string, string> = {
  child: "the merge",
  ancestor: "common ancestor",
  trained_on: "ancestor trained on, all data",
  soup: "soup of plain forks",
};

function modelName({ model, job, batch_norm }: GateRow, names: Map<string, string>): string {
  const name = model === "parent" ? names.get(job ?? "") ?? job ?? model : MODELS[model] ?? model;
  return batch_norm === null || batch_norm === "own" ? name : `${name}, statistics ${batch_norm}d`;
}

function advantageText({ advantage }: GateRow, metric: Metric): string {
  const one = advantage?.[metric] ?? null;
  return one === null ? "" : interval(one, metric);
}

/** `+1.2 (0.4 to 2.0) points`: shares are told in points, since a share of a share misleads. */
function interval({ mean, low, high }: NonNullable<Advantage>, metric: Metric): string {
  const [at, from, to] = [mean, low, high].map((value) => figure(value, metric));
  return `${mean > 0 ? "+" : ""}${at} (${from} to ${to})${UNITS[metric]}`;
}

const UNITS: Record<Metric, string> = { accuracy: " points", loss: "" };

function figure(value: number, metric: Metric): string {
  return (metric === "accuracy" ? (value * 100).toFixed(1) : decimal(value)).replace("-", "−");
}
