import { join } from "node:path";
import {
  ITEMS_FILE,
  type SampleKind,
  SuspectItem,
  type SuspectKind,
  SuspectsRecord,
} from "../../runtime/protocol/suspects.ts";
import type { Page } from "../control_plane.ts";
import { CommandFailedError } from "../errors.ts";
import type { ArtifactStore } from "../storage/artifact_store.ts";
import { fileSha256 } from "../storage/file_sha256.ts";
import { NumberedFolders } from "./numbered_folders.ts";

/** Which items of a search, and which page of them. */
export interface SuspectsQuery {
  kind?: SuspectKind | undefined;
  limit: number;
  /** Place of the first. */
  cursor: number;
}

/** The searches for suspects of jobs: `suspects/<n>` in the job's folder, the items beside the record. */
export class SuspectStore {
  readonly #folders: NumberedFolders<SuspectsRecord>;

  constructor(artifacts: ArtifactStore) {
    this.#folders = new NumberedFolders(artifacts, {
      home: "suspects",
      what: "suspects",
      parse: (json) => SuspectsRecord.parse(json),
    });
  }

  /**
   * Takes over what a worker has written to `folder`, under the next number.
   * @throws {CommandFailedError} when the file is not what the worker said.
   */
  async keep(record: Omit<SuspectsRecord, "run">, folder: string): Promise<SuspectsRecord> {
    const path = join(folder, ITEMS_FILE);
    const { isFile, size } = await Deno.lstat(path);
    const { bytes, sha256 } = record.file;
    if (!isFile || size !== bytes || await fileSha256(path) !== sha256) {
      throw new CommandFailedError("suspects_damaged", `${ITEMS_FILE} is not what was announced`);
    }
    return await this.#folders.add(record.job, folder, [ITEMS_FILE], (run) => ({ ...record, run }));
  }

  /** Newest first. */
  list(job: string): Promise<SuspectsRecord[]> {
    return this.#folders.list(job);
  }

  /** @throws {NotFoundError} when the job has no such search. */
  get(job: string, run: number): Promise<SuspectsRecord> {
    return this.#folders.get(job, run);
  }

  /** A page of what was found: kind after kind, the most suspect first. */
  async items(
    record: SuspectsRecord,
    { kind, limit, cursor }: SuspectsQuery,
  ): Promise<Page<SuspectItem>> {
    const all = await this.#read(record);
    const wanted = kind === undefined ? all : all.filter((item) => item.kind === kind);
    const next = cursor + limit;
    return {
      items: wanted.slice(cursor, next),
      next_cursor: next < wanted.length ? String(next) : null,
    };
  }

  /** Places of the samples that are suspected of each of these kinds. */
  async rows(
    record: SuspectsRecord,
    kinds: readonly SampleKind[],
  ): Promise<Map<SampleKind, Int32Array>> {
    const all = await this.#read(record);
    const places = (kind: SampleKind) =>
      all.flatMap((item) => item.kind === kind && item.row !== null ? [item.row] : []);
    return new Map(kinds.map((kind) => [kind, Int32Array.from(places(kind)).sort()]));
  }

  async #read({ job, run }: SuspectsRecord): Promise<SuspectItem[]> {
    const text = await Deno.readTextFile(this.#folders.path(job, run, ITEMS_FILE));
    return text.split("\n").filter((line) => line !== "")
      .map((line) => SuspectItem.parse(JSON.parse(line)));
  }
}
