import { join } from "node:path";
import { type ColumnName, COLUMNS, ReportRecord } from "../../runtime/protocol/report.ts";
import { CommandFailedError } from "../errors.ts";
import type { ArtifactStore } from "../storage/artifact_store.ts";
import { fileSha256 } from "../storage/file_sha256.ts";
import { NumberedFolders } from "./numbered_folders.ts";

const VALUE_BYTES = 4;

/** The reports of jobs: `reports/<n>` in the job's folder, a file a column beside the record. */
export class ReportStore {
  readonly #folders: NumberedFolders<ReportRecord>;

  constructor(artifacts: ArtifactStore) {
    this.#folders = new NumberedFolders(artifacts, {
      home: "reports",
      what: "report",
      parse: (json) => ReportRecord.parse(json),
    });
  }

  /**
   * Takes over what a worker has written to `folder`, under the next number.
   * @throws {CommandFailedError} when the files are not what the worker said.
   */
  async keep(record: Omit<ReportRecord, "report">, folder: string): Promise<ReportRecord> {
    for (const { name, bytes, sha256 } of record.columns) {
      const path = join(folder, name);
      const { isFile, size } = await Deno.lstat(path);
      const sound = isFile && size === bytes && bytes === record.samples * VALUE_BYTES &&
        await fileSha256(path) === sha256;
      if (sound) continue;
      throw new CommandFailedError("report_damaged", `column ${name} is not what was announced`);
    }
    const names = record.columns.map(({ name }) => name);
    return await this.#folders.add(record.job, folder, names, (report) => ({ ...record, report }));
  }

  /** Newest first. */
  list(job: string): Promise<ReportRecord[]> {
    return this.#folders.list(job);
  }

  /** @throws {NotFoundError} when the job has no such report. */
  get(job: string, report: number): Promise<ReportRecord> {
    return this.#folders.get(job, report);
  }

  /** Absolute path of a report's folder. */
  folder({ job, report }: ReportRecord): string {
    return this.#folders.path(job, report, "report.json").replace(/\/report\.json$/, "");
  }

  /** A column of a report; null when it was not kept. */
  async column(
    record: ReportRecord,
    name: "loss" | "confidence" | "margin" | "el2n" | "x" | "y",
  ): Promise<Float32Array | null>;
  async column(
    record: ReportRecord,
    name: "index" | "original" | "label" | "prediction" | "cluster",
  ): Promise<Int32Array | null>;
  async column(record: ReportRecord, name: ColumnName): Promise<Float32Array | Int32Array | null>;
  async column(record: ReportRecord, name: ColumnName): Promise<Float32Array | Int32Array | null> {
    if (!record.columns.some((column) => column.name === name)) return null;
    const { buffer } = await Deno.readFile(this.#folders.path(record.job, record.report, name));
    return COLUMNS[name] === "f32" ? new Float32Array(buffer) : new Int32Array(buffer);
  }

  /** One value of each of these rows of a column, without reading the rest. */
  async values(record: ReportRecord, name: ColumnName, rows: Int32Array): Promise<number[]> {
    using file = await Deno.open(this.#folders.path(record.job, record.report, name));
    const bytes = new Uint8Array(VALUE_BYTES);
    const view = new DataView(bytes.buffer);
    return Array.from(rows, (row) => {
      file.seekSync(row * VALUE_BYTES, Deno.SeekMode.Start);
      file.readSync(bytes);
      return COLUMNS[name] === "f32" ? view.getFloat32(0, true) : view.getInt32(0, true);
    });
  }
}
