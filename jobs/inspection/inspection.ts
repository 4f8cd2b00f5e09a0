import type { ExportManifest } from "../../runtime/protocol/export.ts";
import type { ReportRecord } from "../../runtime/protocol/report.ts";
import type { SuspectItem, SuspectsRecord } from "../../runtime/protocol/suspects.ts";
import type { InspectionDesk, Page } from "../control_plane.ts";
import type { JobRegistry } from "../life/job_registry.ts";
import type { JobDeps } from "../supervisor_deps.ts";
import { type CompareQuery, compareReports, type Comparison } from "./compare_reports.ts";
import { type History, type HistoryQuery, sampleHistory } from "./sample_history.ts";
import { exportsOf } from "./exports.ts";
import type { NumberedFolders } from "./numbered_folders.ts";
import { type ReportRow, reportRows, type RowsQuery } from "./report_rows.ts";
import { type ReportPoints, reportPoints } from "./report_points.ts";
import { type Trajectories, trajectories } from "./trajectories.ts";
import { readRule, type StoredRule } from "./stored_selection.ts";
import { ReportStore } from "./report_store.ts";
import { type SuspectsQuery, SuspectStore } from "./suspect_store.ts";

/** Answers what is known of the samples of jobs. */
export class Inspection implements InspectionDesk {
  readonly #registry: JobRegistry;
  readonly #reports: ReportStore;
  readonly #suspects: SuspectStore;
  readonly #exports: NumberedFolders<ExportManifest>;

  constructor(deps: JobDeps, registry: JobRegistry) {
    this.#registry = registry;
    this.#reports = new ReportStore(deps.artifacts);
    this.#suspects = new SuspectStore(deps.artifacts);
    this.#exports = exportsOf(deps.artifacts);
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

  async points(job: string, report: number, most: number): Promise<ReportPoints> {
    return await reportPoints(this.#reports, await this.report(job, report), most);
  }

  async trajectories(
    job: string,
    report: number,
    rows: readonly number[],
  ): Promise<Trajectories> {
    return await trajectories(this.#reports, await this.report(job, report), rows);
  }

  async history(job: string, query: HistoryQuery): Promise<History> {
    await this.#registry.load(job);
    return await sampleHistory(this.#reports, job, query);
  }

  async compare(
    job: string,
    report: number,
    other: { job: string; report: number },
    query: CompareQuery,
  ): Promise<Comparison> {
    const a = await this.report(job, report);
    return await compareReports(
      this.#reports,
      a,
      await this.report(other.job, other.report),
      query,
    );
  }

  async exports(job: string): Promise<ExportManifest[]> {
    await this.#registry.load(job);
    return await this.#exports.list(job);
  }

  async export(job: string, number: number): Promise<ExportManifest & { path: string }> {
    await this.#registry.load(job);
    const manifest = await this.#exports.get(job, number);
    return { ...manifest, path: this.#exports.path(job, number, manifest.name) };
  }

  async searches(job: string): Promise<SuspectsRecord[]> {
    await this.#registry.load(job);
    return await this.#suspects.list(job);
  }

  async search(job: string, run: number): Promise<SuspectsRecord> {
    await this.#registry.load(job);
    return await this.#suspects.get(job, run);
  }

  async suspects(job: string, run: number, query: SuspectsQuery): Promise<Page<SuspectItem>> {
    return await this.#suspects.items(await this.search(job, run), query);
  }

  async selection(job: string, sha256: string): Promise<StoredRule> {
    return await readRule(await this.#registry.load(job), sha256);
  }
}
