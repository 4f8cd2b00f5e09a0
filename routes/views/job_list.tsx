import type { ServerHealth, SessionSummary } from "../../jobs/control_plane.ts";
import { type JobManifest, JobState } from "../../jobs/job.ts";
import type { MetricPoint } from "../../jobs/events/metrics_store.ts";
import { decimal, moment, percent, whole } from "../../static/figures.js";
import { CompareBox, CompareForm } from "./compare_form.tsx";
import { lineageTree } from "./lineage.ts";
import { Sparkline } from "./sparkline.tsx";
import { StateBadge } from "./state_badge.tsx";
import { SubmitWays } from "./submit_ways.tsx";

/** What the list shows: as the address has it. */
export interface ListFilter {
  state: JobState | null;
  project: string | null;
  search: string;
  /** Sessions shown at most. */
  sessions: number;
}

/** What the list is drawn from. */
export interface JobListProps {
  sessions: SessionSummary[];
  filter: ListFilter;
  /** How the server stands; null where the list is of one session. */
  health: ServerHealth | null;
  /** Loss curve of a job, a few dozen points. */
  curve: (job: string) => MetricPoint[];
  origin: string;
}

/** Query string of a filter, without what is at its default; `""` or `?…`. */
export function filterQuery(filter: ListFilter): string {
  const query = new URLSearchParams();
  if (filter.state !== null) query.set("state", filter.state);
  if (filter.project !== null) query.set("project", filter.project);
  if (filter.search !== "") query.set("q", filter.search);
  if (filter.sessions !== 30) query.set("sessions", String(filter.sessions));
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}

/** The page `/`: filters above the list of sessions. */
export function JobListPage(props: JobListProps) {
  const projects = [...new Set(props.sessions.map((session) => session.project))].sort();
  return (
    <>
      <h1 class="visually-hidden">Jobs</h1>
      <div class="list-head">
        <form class="filters" role="search" data-filters>
          <div>
            <label for="filter-state">State</label>
            <select name="state" id="filter-state">
              <option value="">any</option>
              {JobState.options.map((state) => (
                <option value={state} selected={state === props.filter.state}>{state}</option>
              ))}
            </select>
          </div>
          <div>
            <label for="filter-project">Project</label>
            <select name="project" id="filter-project">
              <option value="">any</option>
              {projects.map((project) => (
                <option value={project} selected={project === props.filter.project}>
                  {project}
                </option>
              ))}
            </select>
          </div>
          <label class="grow">
            <span class="visually-hidden">Search</span>
            <input
              type="search"
              name="q"
              value={props.filter.search}
              placeholder="Search by name or id"
              data-search
            />
          </label>
        </form>
        <CompareForm />
      </div>
      <div
        id="jobs"
        data-list
        hx-get={`/fragments/jobs${filterQuery(props.filter)}`}
        hx-trigger="page:jobs from:body throttle:700ms"
        hx-swap="innerMorph"
      >
        <SessionList {...props} />
      </div>
    </>
  );
}

/** The sessions that pass the filter, newest first; also the fragment that keeps them live. */
export function SessionList(props: JobListProps) {
  if (props.sessions.length === 0) return <SubmitWays origin={props.origin} />;
  const passing = props.sessions
    .map((session) => ({ session, shown: session.jobs.filter((job) => passes(job, props.filter)) }))
    .filter(({ shown }) => shown.length > 0)
    .sort((a, b) => b.session.created_at - a.session.created_at);
  if (passing.length === 0) {
    return (
      <p class="empty">
        No job matches these filters. <a href="/">Show all {whole(countJobs(props.sessions))}</a>
      </p>
    );
  }
  return (
    <>
      {props.health !== null && <ServerLine health={props.health} />}
      {passing.slice(0, props.filter.sessions).map(({ session, shown }) => (
        <SessionGroup session={session} shown={shown} curve={props.curve} />
      ))}
      {passing.length > props.filter.sessions && (
        <p class="empty">
          <a href={`/${filterQuery({ ...props.filter, sessions: props.filter.sessions + 30 })}`}>
            Show {whole(passing.length - props.filter.sessions)} more sessions
          </a>
        </p>
      )}
    </>
  );
}

function ServerLine({ health }: { health: ServerHealth }) {
  const { training, training_used, helper_used } = health.slots;
  return (
    <p class="server-line">
      {whole(training_used)} of {whole(training)} slots training
      {helper_used > 0 && `, ${whole(helper_used)} serving commands`} ·{" "}
      <span title={health.isolation_reason}>isolation {health.isolation}</span>
    </p>
  );
}

function SessionGroup(
  { session, shown, curve }: {
    session: SessionSummary;
    shown: JobManifest[];
    curve: JobListProps["curve"];
  },
) {
  const visible = new Set(shown.map((job) => job.id));
  const rows = lineageTree(session.jobs).filter((row) => visible.has(row.job.id));
  const count = session.jobs.length;
  return (
    <section class="session" id={session.id} aria-labelledby={`${session.id}-title`}>
      <h2 id={`${session.id}-title`}>
        <a href={`/sessions/${session.id}`}>{session.project}</a>{" "}
        <span class="dim">
          <code>{session.id}</code> {rows.length < count ? `${rows.length} of ` : ""}
          {count} {count === 1 ? "job" : "jobs"} ·{" "}
          <time datetime={new Date(session.created_at).toISOString()}>
            {moment(session.created_at)}
          </time>
        </span>
      </h2>
      <table class="jobs">
        <thead>
          <tr>
            <th scope="col">Compare</th>
            <th scope="col">Job</th>
            <th scope="col">State</th>
            <th scope="col">Step</th>
            <th scope="col">Loss curve</th>
            <th scope="col">Loss</th>
            <th scope="col">Accuracy</th>
            <th scope="col">Test</th>
            <th scope="col">Best validation</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ job, depth, colour }) => (
            <JobRow job={job} depth={depth} colour={colour} points={curve(job.id)} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function JobRow(
  { job, depth, colour, points }: {
    job: JobManifest;
    depth: number;
    colour: number;
    points: MetricPoint[];
  },
) {
  const last = job.metrics.last;
  return (
    <tr id={`row-${job.id}`} data-job={job.id} data-state={job.state}>
      <td class="job-compare">
        <CompareBox job={job} />
      </td>
      <td class={`job-name depth-${Math.min(depth, 6)}`}>
        <span class={`swatch colour-${colour}`} aria-hidden="true"></span>
        {depth > 0 && (
          <span class="branch" aria-hidden="true">{job.kind === "merge" ? "⋈" : "└"}</span>
        )}
        <a href={`/jobs/${job.id}`} data-nav>{job.run_name}</a>
        {job.kind !== "root" && <span class="dim">{job.kind}</span>}
      </td>
      <td class="job-state">
        <StateBadge state={job.state} />
      </td>
      <td class="number" data-label="step">{whole(job.step)}</td>
      <td class="job-curve">
        <Sparkline points={points} colour={colour} />
      </td>
      <td class="number" data-label="loss">{decimal(last.loss)}</td>
      <td class="number" data-label="acc">{percent(last.accuracy)}</td>
      <td class="number" data-label="test">{percent(last.test_accuracy)}</td>
      <td class="job-best">
        <BestFigures job={job} />
      </td>
    </tr>
  );
}

/** The best of each figure of the validations; the newest is what the pointer is told. */
function BestFigures({ job }: { job: JobManifest }) {
  const figures = Object.entries(job.metrics.val ?? {});
  return (
    <>
      {figures.map(([name, { last, best, best_step, direction }]) => (
        <span
          class="best-figure"
          title={`${name}: best ${decimal(best)} at step ${whole(best_step)}, last ${
            decimal(last)
          }; ${direction === "min" ? "less" : "more"} is better`}
        >
          <span class="dim">{name.replace(/^val_/, "")}</span> {decimal(best)}
        </span>
      ))}
    </>
  );
}

function passes(job: JobManifest, filter: ListFilter): boolean {
  if (filter.state !== null && job.state !== filter.state) return false;
  if (filter.project !== null && job.project !== filter.project) return false;
  const text = `${job.run_name} ${job.id} ${job.session} ${job.project}`.toLowerCase();
  return text.includes(filter.search.toLowerCase());
}

function countJobs(sessions: SessionSummary[]): number {
  return sessions.reduce((total, session) => total + session.jobs.length, 0);
}
