import type { Child } from "hono/jsx";
import type { JobManifest } from "../../jobs/job.ts";
import { brief, duration, moment, whole } from "../../static/figures.js";
import { selectionText } from "../../static/selection_text.js";
import { lineageTree } from "./lineage.ts";
import { StateBadge } from "./state_badge.tsx";

/** What the column beside the charts is drawn from. */
export interface JobAsideProps {
  job: JobManifest;
  /** Every job of its session. */
  family: JobManifest[];
}

/** Lineage, origin, manifest, config and isolation of a job; also the fragment that refreshes them. */
export function JobAside({ job, family }: JobAsideProps) {
  return (
    <>
      <Lineage job={job} family={family} />
      {job.spawn !== null && <Origin job={job} family={family} />}
      <Manifest job={job} />
      <Config job={job} family={family} />
      <Isolation job={job} />
    </>
  );
}

function Lineage({ job, family }: JobAsideProps) {
  return (
    <section aria-labelledby="lineage-title">
      <h2 id="lineage-title">Session</h2>
      <ul class="lineage" data-list>
        {lineageTree(family).map((row) => (
          <li
            class={`depth-${Math.min(row.depth, 6)}`}
            aria-current={row.job.id === job.id ? "true" : undefined}
          >
            <span class={`swatch colour-${row.colour}`} aria-hidden="true"></span>
            <a href={`/jobs/${row.job.id}`} data-nav>{row.job.run_name}</a>
            <StateBadge state={row.job.state} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Origin({ job, family }: JobAsideProps) {
  const names = new Map(family.map((relative) => [relative.id, relative.run_name]));
  const { spawn, origin } = job;
  return (
    <section aria-labelledby="origin-title">
      <h2 id="origin-title">Origin</h2>
      <dl class="facts">
        <Fact name={job.parents.length === 1 ? "parent" : "parents"}>
          {job.parents.map((parent) => (
            <>
              <a href={`/jobs/${parent}`}>{names.get(parent) ?? parent}</a>
              {" "}
            </>
          ))}
        </Fact>
        <Fact name="from">
          {origin.checkpoint !== null && `checkpoint ${whole(origin.checkpoint)}, `}
          axis step {whole(origin.step)}
        </Fact>
        {spawn?.kind === "fork" && (
          <>
            <Fact name="samples">{selectionText(spawn.selection)}</Fact>
            <Fact name="optimizer">
              {spawn.optimizer}
              {spawn.lr_mul !== 1 && `, lr × ${brief(spawn.lr_mul)}`}
              {spawn.schedule === "restart" && ", schedule anew"}
            </Fact>
            {job.fork !== undefined && job.fork.rehearsal > 0 && (
              <Fact name="mixed in">{whole(job.fork.rehearsal)} others</Fact>
            )}
            {job.fork?.weights !== undefined && (
              <Fact name="weights">
                {whole(job.fork.weights.taken)} of the parent, {whole(job.fork.weights.fresh)} fresh
              </Fact>
            )}
            {job.differs?.config !== undefined && (
              <Fact name="differs">
                {Object.entries(job.differs.config).map(([key, { from, to }]) => (
                  <div>
                    <code>{key}</code> {JSON.stringify(from)} → {JSON.stringify(to)}
                  </div>
                ))}
              </Fact>
            )}
          </>
        )}
        {spawn?.kind === "merge" && (
          <Fact name="strategy">{spawn.strategy} {paramsText(spawn.params)}</Fact>
        )}
      </dl>
    </section>
  );
}

function Manifest({ job }: { job: JobManifest }) {
  const data = job.dataset;
  return (
    <section aria-labelledby="manifest-title">
      <h2 id="manifest-title">Manifest</h2>
      <dl class="facts">
        <Fact name="id">
          <code>{job.id}</code>
        </Fact>
        <Fact name="take, attempt">{job.take}, {job.attempt}</Fact>
        <Fact name="module">{job.module.name}</Fact>
        {data !== null && (
          <Fact name="samples">
            {job.selected !== null && `${whole(job.selected)} of `}
            {whole(data.train)} train, {whole(data.val)} val, {whole(data.test)} test
          </Fact>
        )}
        {data !== null && <Fact name="data">{data.hash.slice(0, 12)}</Fact>}
        <Fact name="test looks">{whole(job.test_looks)}</Fact>
        {job.step > 0 && (
          <Fact name="figures">
            <a href={`/jobs/${job.id}/metrics.csv`} download="">metrics.csv</a>
          </Fact>
        )}
        <Fact name="created">
          <When ms={job.created_at} />
        </Fact>
        {job.started_at !== null && job.finished_at !== null && (
          <Fact name="took">{duration(job.finished_at - job.started_at)}</Fact>
        )}
        <Fact name="owner">{job.owner}</Fact>
        {!!job.priority && <Fact name="priority">{job.priority}</Fact>}
      </dl>
    </section>
  );
}

function Config({ job, family }: JobAsideProps) {
  const parent = family.find((relative) => relative.id === job.parents[0]);
  const entries = Object.entries(job.config).sort(([a], [b]) => a < b ? -1 : 1);
  return (
    <section aria-labelledby="config-title">
      <h2 id="config-title">Config</h2>
      <dl class="facts">
        {entries.map(([key, value]) => {
          const before = parent?.config[key];
          const differs = parent !== undefined && JSON.stringify(before) !== JSON.stringify(value);
          return (
            <Fact name={key}>
              {differs
                ? (
                  <>
                    <del aria-label={`${parent.run_name}: ${brief(before)}`}>{brief(before)}</del>
                    {" "}
                    <ins>{brief(value)}</ins>
                  </>
                )
                : brief(value)}
            </Fact>
          );
        })}
        {entries.length === 0 && <Fact name="all">the module's own</Fact>}
      </dl>
    </section>
  );
}

function Isolation({ job }: { job: JobManifest }) {
  return (
    <section aria-labelledby="isolation-title">
      <h2 id="isolation-title">Worker</h2>
      <dl class="facts">
        <Fact name="isolation">{job.isolation ?? "not launched yet"}</Fact>
        {job.backend !== null && (
          <Fact name="backend">
            <span title={job.backend.reason}>{job.backend.name}</span>
          </Fact>
        )}
        {job.threads !== null && <Fact name="threads">{job.threads}</Fact>}
        {job.determinism !== null && <Fact name="determinism">{job.determinism}</Fact>}
        {job.permissions?.read.map((path) => <Fact key={path} name="may read">{path}</Fact>)}
        {job.permissions?.net.map((host) => <Fact key={host} name="may reach">{host}</Fact>)}
        {job.imports !== undefined && <Fact name="imports">{job.imports.lock.slice(0, 12)}</Fact>}
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children?: Child }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function When({ ms }: { ms: number }) {
  return <time datetime={new Date(ms).toISOString()}>{moment(ms)}</time>;
}

function paramsText(params: Record<string, unknown>): string {
  return Object.keys(params).length === 0 ? "" : JSON.stringify(params);
}
