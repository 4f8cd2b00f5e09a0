import type { JobManifest } from "../../jobs/job.ts";
import { decimal, percent, whole } from "../../static/figures.js";
import { lineageTree } from "./lineage.ts";
import { type LineageLayout, NODE, type NodePlace } from "./lineage_layout.ts";
import { LineageList } from "./lineage_list.tsx";
import { gateText, startText } from "./lineage_words.ts";
import { StateBadge } from "./state_badge.tsx";

/** What the picture of a lineage is drawn from. */
export interface LineageGraphProps {
  /** Every job of the session. */
  jobs: JobManifest[];
  layout: LineageLayout;
}

/**
 * A session's lineage as a graph: a node a job, with how it stands, and a line from each parent to
 * each of its children. All of it is links and text, so that it needs no script.
 */
export function LineageGraph({ jobs, layout }: LineageGraphProps) {
  const rows = lineageTree(jobs);
  const colours = new Map(rows.map(({ job, colour }) => [job.id, colour]));
  const names = new Map(jobs.map((job) => [job.id, job.run_name]));
  const { width, height } = layout;
  return (
    <section class="lineage-panel" aria-labelledby="lineage-title">
      <h2 id="lineage-title">Lineage</h2>
      <div class="lineage-scroll" role="group" aria-label="Lineage graph" tabindex={0}>
        <svg class="lineage-graph" width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
          <g aria-hidden="true">
            {layout.edges.map(({ parent, child, d }) => (
              <path
                id={`edge-${parent}-${child}`}
                class={`edge colour-${colours.get(parent) ?? 0}`}
                d={d}
              />
            ))}
          </g>
          {rows.map(({ job, colour }) => {
            const place = layout.places.get(job.id);
            return place && (
              <Node key={job.id} job={job} colour={colour} place={place} names={names} />
            );
          })}
        </svg>
      </div>
      <LineageList rows={rows} names={names} />
    </section>
  );
}

function Node(
  { job, colour, place, names }: {
    job: JobManifest;
    colour: number;
    place: NodePlace;
    names: ReadonlyMap<string, string>;
  },
) {
  const { last } = job.metrics;
  const gate = gateText(job);
  const parents = job.parents.map((parent) => names.get(parent) ?? parent).join(", ");
  return (
    <foreignObject
      id={`node-${job.id}`}
      x={place.x}
      y={place.y}
      width={NODE.width}
      height={NODE.height}
    >
      <a class={`node colour-${colour}`} href={`/jobs/${job.id}`} data-node={job.id}>
        <span class="node-head">
          {job.kind === "merge" && <span class="branch" aria-hidden="true">⋈</span>}
          <strong title={job.run_name}>{job.run_name}</strong>
          {parents !== "" && <span class="visually-hidden">of {parents},</span>}
          <StateBadge state={job.state} />
        </span>
        <span class="node-start" title={startText(job)}>{startText(job)}</span>
        <span class="node-figures">
          <Figure name="step" values={[whole(job.step)]} />
          <Figure name="val" values={[decimal(last.val_loss), percent(last.val_accuracy)]} />
          <Figure name="test" values={[decimal(last.test_loss), percent(last.test_accuracy)]} />
        </span>
        {gate !== null && (
          <span class="node-gate" data-gate={String(job.gate?.accepted)}>{gate}</span>
        )}
      </a>
    </foreignObject>
  );
}

/** A name and its figures; nothing where there is none. */
function Figure({ name, values }: { name: string; values: string[] }) {
  const known = values.filter((value) => value !== "–");
  if (known.length === 0) return null;
  return (
    <span>
      <span class="dim">{name}</span> {known.join(" · ")}
    </span>
  );
}
