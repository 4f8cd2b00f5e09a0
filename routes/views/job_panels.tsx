import type { Child } from "hono/jsx";
import type { LoggedEvent } from "../../jobs/events/event_log.ts";
import type { CheckpointRecord, JobManifest, Receipt } from "../../jobs/job.ts";
import { HealthCards } from "./health_cards.tsx";
import { LogLines } from "./log_lines.tsx";
import { CheckpointTable } from "./checkpoint_table.tsx";
import { CommandTable } from "./command_table.tsx";

/** What the tabs below the charts hold. */
export interface JobPanelsProps {
  job: JobManifest;
  tab: string;
  log: LoggedEvent[];
  checkpoints: CheckpointRecord[];
  healthEvents: LoggedEvent[];
  receipts: Receipt[];
}

/** Names of the tabs, as the address has them. */
export const TABS = ["log", "checkpoints", "health", "commands", "module"] as const;

const TITLES: Record<(typeof TABS)[number], string> = {
  log: "Log",
  checkpoints: "Checkpoints",
  health: "Health",
  commands: "Commands",
  module: "Module",
};

/** The tabs of a job: log, checkpoints, health, commands, module. */
export function JobPanels(props: JobPanelsProps) {
  const { job } = props;
  const chosen = TABS.find((tab) => tab === props.tab) ?? "log";
  return (
    <section class="panels" aria-label="Details">
      <div role="tablist" aria-label="Details">
        {TABS.map((tab) => (
          <button
            type="button"
            role="tab"
            id={`tab-${tab}`}
            aria-controls={`panel-${tab}`}
            aria-selected={tab === chosen ? "true" : "false"}
            tabindex={tab === chosen ? 0 : -1}
            data-tab={tab}
          >
            {TITLES[tab]}
          </button>
        ))}
      </div>
      <Panel name="log" chosen={chosen}>
        <div
          class="log"
          tabindex={0}
          data-stick
          aria-label="Log of the job"
          hx-get={`/fragments/jobs/${job.id}/log`}
          hx-trigger="job:log from:body throttle:300ms"
          hx-swap="innerMorph"
        >
          <LogLines events={props.log} />
        </div>
      </Panel>
      <Panel name="checkpoints" chosen={chosen}>
        <div
          hx-get={`/fragments/jobs/${job.id}/checkpoints`}
          hx-trigger="job:checkpoints from:body throttle:300ms"
          hx-swap="innerMorph"
        >
          <CheckpointTable job={job} checkpoints={props.checkpoints} />
        </div>
      </Panel>
      <Panel name="health" chosen={chosen}>
        <div
          hx-get={`/fragments/jobs/${job.id}/health`}
          hx-trigger="job:health from:body throttle:300ms, job:header from:body throttle:300ms"
          hx-swap="innerMorph"
        >
          <HealthCards job={job} events={props.healthEvents} />
        </div>
      </Panel>
      <Panel name="commands" chosen={chosen}>
        <div
          hx-get={`/fragments/jobs/${job.id}/commands`}
          hx-trigger="job:commands from:body throttle:300ms"
          hx-swap="innerMorph"
        >
          <CommandTable receipts={props.receipts} />
        </div>
      </Panel>
      <Panel name="module" chosen={chosen}>
        <div hx-get={`/fragments/jobs/${job.id}/module`} hx-trigger="intersect once">
          <p class="empty">Loading {job.module.name}…</p>
        </div>
      </Panel>
    </section>
  );
}

function Panel(
  { name, chosen, children }: { name: string; chosen: string; children?: Child },
) {
  return (
    <div
      role="tabpanel"
      id={`panel-${name}`}
      aria-labelledby={`tab-${name}`}
      hidden={name !== chosen}
    >
      {children}
    </div>
  );
}
