import type { LoggedEvent } from "../../jobs/events/event_log.ts";
import { ALLOWED, type JobManifest } from "../../jobs/job.ts";
import {
  HEALTH_CHECKS,
  type HealthCheck,
  type HealthFinding,
  type HealthReport,
} from "../../runtime/protocol/health.ts";
import { byteSize, decimal, moment, whole } from "../../static/figures.js";
import { HealthLayers } from "./health_layers.tsx";

/** Types of events that the cards show. */
export const HEALTH_TYPES = ["health"] as const;

/** Events that hold the newest answer of every check, unless one was asked again and again. */
export const HEALTH_EVENTS = 100;

type HealthEvent = HealthReport & { step: number; ts: number };

const TITLES: Record<HealthCheck, { title: string; asks: string }> = {
  distribution: { title: "Weights", asks: "How each layer's weights are spread" },
  activations: { title: "Activations", asks: "Zeros, dead units and saturation of each layer" },
  numerics: { title: "Numerics", asks: "Where NaN or infinity begins" },
  gradients: { title: "Gradients", asks: "What reaches each layer, and what a step does to it" },
  determinism: { title: "Determinism", asks: "Whether the same steps give the same bits" },
  throughput: { title: "Throughput", asks: "Where a step's time goes" },
  memory: { title: "Memory", asks: "Whether steps leave tensors behind" },
};

/** One card a check: what it asks, a button, the newest answer with its advice. */
export function HealthCards({ job, events }: { job: JobManifest; events: LoggedEvent[] }) {
  const newest = new Map(events.map(({ data }) => {
    const answer = JSON.parse(data) as HealthEvent;
    return [answer.check, answer];
  }));
  return (
    <div class="health">
      {HEALTH_CHECKS.map((check) => (
        <HealthCard key={check} job={job} check={check} answer={newest.get(check)} />
      ))}
    </div>
  );
}

function HealthCard(
  { job, check, answer }: {
    job: JobManifest;
    check: HealthCheck;
    answer: HealthEvent | undefined;
  },
) {
  const { title, asks } = TITLES[check];
  const refused = !ALLOWED[job.state].includes("health");
  return (
    <section class="health-card" id={`health-${check}`} aria-labelledby={`health-title-${check}`}>
      <header>
        <h3 id={`health-title-${check}`}>{title}</h3>
        {answer !== undefined && <HealthStatus status={answer.status} />}
        <span class="grow"></span>
        <button
          type="button"
          id={`check-${check}`}
          data-call={`POST /jobs/${job.id}/health/${check}`}
          data-pending="Checking…"
          aria-describedby={`health-asks-${check}`}
          disabled={refused}
          title={refused ? `A ${job.state} job does not take health` : undefined}
        >
          Check <span class="visually-hidden">{title.toLowerCase()}</span>
        </button>
      </header>
      <p class="dim" id={`health-asks-${check}`}>{asks}</p>
      {answer !== undefined && <HealthAnswer answer={answer} />}
    </section>
  );
}

function HealthAnswer({ answer }: { answer: HealthEvent }) {
  const { findings, figures, layers, step, ts } = answer;
  return (
    <>
      {findings.length === 0 ? <p>Nothing found.</p> : (
        <ul class="findings">
          {findings.map((finding, at) => <Finding key={at} finding={finding} />)}
        </ul>
      )}
      <dl class="health-figures">
        {Object.entries(figures).map(([name, value]) => (
          <div>
            <dt>{name}</dt>
            <dd class="number">{figure(name, value)}</dd>
          </div>
        ))}
      </dl>
      {layers.length > 0 && <HealthLayers check={answer.check} layers={layers} />}
      <p class="dim">
        At step {whole(step)}, <time datetime={new Date(ts).toISOString()}>{moment(ts)}</time>
      </p>
    </>
  );
}

function Finding({ finding }: { finding: HealthFinding }) {
  const { status, layer, value, threshold, advice } = finding;
  return (
    <li>
      <HealthStatus status={status} /> {layer !== undefined && <strong>{layer}</strong>}{" "}
      <span class="number">
        {finding.figure} {value === null ? "none" : decimal(value)}
        <span class="dim">{` (limit ${decimal(threshold)})`}</span>
      </span>
      <p>{advice}</p>
    </li>
  );
}

/** One shape a status, so that colour never tells it alone. */
const SHAPES: Record<HealthReport["status"], string> = {
  ok: "M1.75 6.5l3 3l5.5-7",
  warn: "M6 1.5l5 9h-10zM6 5v2.5M6 9v.2",
  fail: "M2.5 2.5l7 7M9.5 2.5l-7 7",
};

function HealthStatus({ status }: { status: HealthReport["status"] }) {
  return (
    <span class={`state health-${status}`}>
      <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        <path d={SHAPES[status]} />
      </svg>
      {status}
    </span>
  );
}

function figure(name: string, value: number | null): string {
  return value !== null && name.endsWith("_bytes") ? byteSize(value) : decimal(value);
}
