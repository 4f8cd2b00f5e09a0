import { join } from "node:path";
import { type ColumnName, COLUMNS, ReportRecord } from "../../runtime/protocol/report.ts";
import { CommandFailedError, NotFoundError } from "../errors.ts";
import type { ArtifactStore } from "../storage/artifact_store.ts";
import { namesIn, sync, writeDurably } from "../storage/durable_file.ts";
import { fileSha256 } from "../storage/file_sha256.ts";

const RECORD = "report.json";
const VALUE_BYTES = 4;

/**
 * The reports of jobs: `reports/<n>` in the job's folder, its record beside a file a column. A
 * report appears under its number only when it is whole, and never changes.
 */
export class ReportStore {
  readonly #artifacts: ArtifactStore;

  constructor(artifacts: ArtifactStore) {
    this.#artifacts = artifacts;
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
    const home = this.#artifacts.resolve(record.job, "reports");
    await Deno.mkdir(home, { recursive: true, mode: 0o700 });
    const whole = await Deno.makeTempDir({ dir: home, prefix: "." });
    try {
      for (const { name } of record.columns) {
        await Deno.rename(join(folder, name), join(whole, name));
      }
      for (let report = await this.#next(record.job);; report++) {
        const kept: ReportRecord = { ...record, report };
        const path = join(whole, RECORD);
        await Deno.remove(path).catch(ifThere);
        await writeDurably(path, new TextEncoder().encode(JSON.stringify(kept)));
        await sync(whole);
        if (!await renamed(whole, join(home, folderOf(report)))) continue;
        await sync(home);
        return kept;
      }
    } catch (error) {
      await Deno.remove(whole, { recursive: true }).catch(ifThere);
      throw error;
    }
  }

  /** Newest first. */
  async list(job: string): Promise<ReportRecord[]> {
    const numbers = (await this.#numbers(job)).sort((a, b) => b - a);
    return await Promise.all(numbers.map((number) => this.get(job, number)));
  }

  /** @throws {NotFoundError} when the job has no such report. */
  async get(job: string, report: number): Promise<ReportRecord> {
    try {
      const text = await Deno.readTextFile(this.#path(job, report, RECORD));
      return ReportRecord.parse(JSON.parse(text));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new NotFoundError("report", `${report} of ${job}`);
    }
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
    const { buffer } = await Deno.readFile(this.#path(record.job, record.report, name));
    return COLUMNS[name] === "f32" ? new Float32Array(buffer) : new Int32Array(buffer);
  }

  /** One value of each of these rows of a column, without reading the rest. */
  async values(record: ReportRecord, name: ColumnName, rows: Int32Array): Promise<number[]> {
    using file = await Deno.open(this.#path(record.job, record.report, name));
    const bytes = new Uint8Array(VALUE_BYTES);
    const view = new DataView(bytes.buffer);
    return Array.from(rows, (row) => {
      file.seekSync(row * VALUE_BYTES, Deno.SeekMode.Start);
      file.readSync(bytes);
      return COLUMNS[name] === "f32" ? view.getFloat32(0, true) : view.getInt32(0, true);
    });
  }

  async #numbers(job: string): Promise<number[]> {
    const names = await namesIn(this.#artifacts.resolve(job, "reports"));
    return names.filter((name) => /^\d+$/.test(name)).map(Number);
  }

  async #next(job: string): Promise<number> {
    return Math.max(0, ...await this.#numbers(job)) + 1;
  }

  #path(job: string, report: number, file: string): string {
    return this.#artifacts.resolve(job, `reports/${folderOf(report)}/${file}`);
  }
}

function folderOf(report: number): string {
  return String(report).padStart(6, "0");
}

/** False when another report has taken the name meanwhile. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await Deno.rename(from, to);
    return true;
  } catch (error) {
    if (await Deno.lstat(to).then(() => true, () => false)) return false;
    throw error;
  }
}

function ifThere(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
