import { Hono } from "hono";
import type { AppDeps } from "./app_deps.ts";
import { newestEvents } from "./event_history.ts";
import { gateOf } from "./gate_of.ts";
import { MARKED_TYPES, markersOf } from "./markers.ts";
import { curveOf, listFilter } from "./list_query.ts";
import { CheckpointTable } from "./views/checkpoint_table.tsx";
import { CommandTable } from "./views/command_table.tsx";
import {
  CertificateForm,
  ContinueForm,
  DeleteForm,
  ResetForm,
  StopForm,
} from "./views/confirm_forms.tsx";
import { GatePanel } from "./views/gate_panel.tsx";
import { ForkForm } from "./views/fork_form.tsx";
import { HEALTH_EVENTS, HEALTH_TYPES, HealthCards } from "./views/health_cards.tsx";
import { JobAside } from "./views/job_aside.tsx";
import { JobHeader } from "./views/job_header.tsx";
import { SessionList } from "./views/job_list.tsx";
import { JobNotice } from "./views/job_page.tsx";
import { LOG_LINES, LOG_TYPES, LogLines } from "./views/log_lines.tsx";
import { MergeForm } from "./views/merge_form.tsx";
import { ModuleSource } from "./views/module_source.tsx";

/** Markers of one job that its charts draw at most. */
const MARKERS = 1_000;

/** Parts of pages: what htmx swaps in when an event says that they changed, and the dialogs. */
export function fragmentRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const { jobs, log } = deps;

  app.get("/fragments/jobs", async (c) =>
    c.html(
      <SessionList
        sessions={await jobs.sessions()}
        health={await jobs.health()}
        filter={listFilter(c)}
        curve={curveOf(deps)}
        origin={new URL(c.req.url).origin}
      />,
    ));

  const of = new Hono();
  of.get("/header", async (c) => c.html(<JobHeader job={await jobs.get(c.req.param("id")!)} />));
  of.get("/notice", async (c) =>
    c.html(
      <JobNotice job={await jobs.get(c.req.param("id")!)} health={await jobs.health()} />,
    ));
  of.get("/aside", async (c) => {
    const job = await jobs.get(c.req.param("id")!);
    return c.html(<JobAside job={job} family={(await jobs.session(job.session)).jobs} />);
  });
  of.get("/log", async (c) => {
    const { id } = await jobs.get(c.req.param("id")!);
    return c.html(
      <LogLines events={newestEvents(log, { job: id, types: LOG_TYPES }, LOG_LINES)} />,
    );
  });
  of.get("/checkpoints", async (c) => {
    const job = await jobs.get(c.req.param("id")!);
    return c.html(<CheckpointTable job={job} checkpoints={await jobs.checkpoints(job.id)} />);
  });
  of.get(
    "/commands",
    async (c) => c.html(<CommandTable receipts={await jobs.receipts(c.req.param("id")!)} />),
  );
  of.get("/health", async (c) => {
    const job = await jobs.get(c.req.param("id")!);
    const events = newestEvents(log, { job: job.id, types: HEALTH_TYPES }, HEALTH_EVENTS);
    return c.html(<HealthCards job={job} events={events} />);
  });
  of.get("/gate", async (c) => {
    const job = await jobs.get(c.req.param("id")!);
    const { jobs: family } = await jobs.session(job.session);
    return c.html(<GatePanel job={job} gate={gateOf(log, job)} family={family} />);
  });
  of.get("/module", async (c) => {
    const job = await jobs.get(c.req.param("id")!);
    return c.html(<ModuleSource job={job} source={await jobs.moduleSource(job.id)} />);
  });
  of.get("/markers", async (c) => {
    const job = await jobs.get(c.req.param("id")!);
    const events = newestEvents(log, { job: job.id, types: MARKED_TYPES }, MARKERS);
    return c.json({ items: markersOf(job, events, (await jobs.session(job.session)).jobs) });
  });
  app.route("/fragments/jobs/:id", of);
  app.route("/fragments/jobs/:id", dialogRoutes(deps));
  return app;
}

function dialogRoutes({ jobs }: AppDeps): Hono {
  const of = new Hono();
  of.get("/fork", async (c) => {
    const job = await jobs.get(c.req.param("id")!);
    const checkpoints = await jobs.checkpoints(job.id);
    const sha256 = c.req.query("selection");
    const picked = sha256 === undefined
      ? null
      : { ...await jobs.inspection.selection(job.id, sha256), sha256 };
    return c.html(
      <ForkForm
        job={job}
        checkpoints={checkpoints}
        at={c.req.query("at") ?? "now"}
        picked={picked}
      />,
    );
  });
  of.get("/merge", async (c) => {
    const job = await jobs.get(c.req.param("id")!);
    const { jobs: family } = await jobs.session(job.session);
    return c.html(
      <MergeForm job={job} others={family.filter((other) => other.id !== job.id)} />,
    );
  });
  of.get("/stop", async (c) => c.html(<StopForm job={await jobs.get(c.req.param("id")!)} />));
  of.get("/reset", async (c) => c.html(<ResetForm job={await jobs.get(c.req.param("id")!)} />));
  of.get(
    "/certificate",
    async (c) => c.html(<CertificateForm job={await jobs.get(c.req.param("id")!)} />),
  );
  of.get("/delete", async (c) => c.html(<DeleteForm job={await jobs.get(c.req.param("id")!)} />));
  of.get(
    "/continue",
    async (c) => c.html(<ContinueForm job={await jobs.get(c.req.param("id")!)} />),
  );
  return of;
}
