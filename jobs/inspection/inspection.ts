import type { ReportRecord } from "../../runtime/protocol/report.ts";
import type { InspectionDesk, Page } from "../control_plane.ts";
import type { JobRegistry } from "../life/job_registry.ts";
import type { JobDeps } from "../supervisor_deps.ts";
import { type ReportRow, reportRows, type RowsQuery } from "./report_rows.ts";
import { readRule, type StoredRule } from "./stored_selection.ts";
import { ReportStore } from "./report_store.ts";

/** Answers what is known of the samples of jobs. */
export class Inspection implements InspectionDesk {
  readonly #registry: JobRegistry;
  readonly #reports: ReportStore;

  constructor(deps: JobDeps, registry: JobRegistry) {
    this.#registry = registry;
    this.#reports = new ReportStore(deps.artifacts);
  }

  async reports(job: string): Promise<ReportRecord[]> {
    await this.#registry.load(job);
    return await this.#reports.list(job);
  }

  async report(job: string, report: number): Promise<ReportRecord> {
    await this.#registry.load(job);
    return await this.#reports.get(job, report);
  }

  async rows(job: string, report: number, query: RowsQuery): Promise<Page<ReportRow>> {
    return await reportRows(this.#reports, await this.report(job, report), query);
  }

  async selection(job: string, sha256: string): Promise<StoredRule> {
    return await readRule(await this.#registry.load(job), sha256);
  }
}
