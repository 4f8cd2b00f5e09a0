import { createHash, randomUUID } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import type { PostedFile } from "../control_plane.ts";
import { ConflictError, NotFoundError, UnprocessableError } from "../errors.ts";
import { namesIn, sync, syncFolders, writeDurably } from "./durable_file.ts";
import { assertFolder, mountedFiles } from "./mounted_folder.ts";
import { checkFileName } from "./posted_names.ts";

/** Name of a dataset: a folder's name and part of an address. */
export const DatasetName = z.string().regex(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
  "expected letters, digits, _ - and ., at most 100, the first a letter or a digit",
);

const bytes = z.number().int().min(0);

/** A dataset: files that many jobs read. */
export const DatasetRecord = z.strictObject({
  name: z.string(),
  /** Of the list of its files, in hex; null for a folder of the operator, whose files nobody hashed. */
  sha256: z.string().nullable(),
  bytes,
  files: z.array(z.strictObject({ name: z.string(), bytes, sha256: z.string().nullable() })),
  /** Whether it is a folder that the operator mounts: nobody changes it here. */
  mounted: z.boolean(),
  /** Milliseconds since the epoch. */
  created_at: z.number(),
});
/** A dataset: files that many jobs read. */
export type DatasetRecord = z.infer<typeof DatasetRecord>;

/** A dataset as a manifest names it. */
export type DatasetReference = Pick<DatasetRecord, "name" | "sha256">;

/** What a {@linkcode DatasetStore} is opened with. */
export interface DatasetStoreOptions {
  /** Datasets lie in `datasets/` of this folder. */
  dataDir: string;
  /** Most bytes of all datasets that were uploaded. */
  quota: number;
  /** Folders of the operator, by name; absolute paths. */
  mounts: Readonly<Record<string, string>>;
  clock: () => number;
}

const RECORD = "dataset.json";
const FILES = "files";
/** Begins the name of a dataset that another is about to replace. */
const REPLACED = ".replaced-";

/** Opens the datasets of a data folder, and drops uploads that an earlier server left unfinished. */
export async function openDatasetStore(options: DatasetStoreOptions): Promise<DatasetStore> {
  const folder = resolve(options.dataDir, "datasets");
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  const names = await namesIn(folder);
  for (const name of names.filter((name) => name.startsWith("."))) {
    const replaced = name.startsWith(REPLACED) ? name.slice(REPLACED.length) : null;
    if (replaced === null || names.includes(replaced)) {
      await Deno.remove(join(folder, name), { recursive: true });
    } else {
      // The server ended after this made room and before its follower had the name.
      await Deno.rename(join(folder, name), join(folder, replaced));
    }
  }
  return new DatasetStore(folder, options);
}

/** Uploaded datasets, each whole under its name or not there, and the operator's folders. */
export class DatasetStore {
  readonly #folder: string;
  readonly #options: DatasetStoreOptions;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(folder: string, options: DatasetStoreOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** All datasets, by name. */
  async list(): Promise<DatasetRecord[]> {
    const uploaded = (await namesIn(this.#folder)).filter((name) => !name.startsWith("."));
    const names = new Set([...uploaded, ...Object.keys(this.#options.mounts)]);
    const records = await Promise.all(
      [...names].sort().map((name) =>
        this.get(name).catch((error) => {
          // Removed meanwhile, or a folder of the operator's that is not there.
          if (error instanceof NotFoundError) return null;
          throw error;
        })
      ),
    );
    return records.filter((record) => record !== null);
  }

  /** @throws {NotFoundError} when there is no such dataset. */
  async get(name: string): Promise<DatasetRecord> {
    const mount = this.#mountOf(name);
    if (mount !== undefined) {
      const { files, changedAt } = await mountedFiles(name, mount);
      return { name, sha256: null, ...total(files), mounted: true, created_at: changedAt };
    }
    if (!DatasetName.safeParse(name).success) throw new NotFoundError("dataset", name);
    try {
      return DatasetRecord.parse(JSON.parse(await Deno.readTextFile(this.#path(name, RECORD))));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) throw new NotFoundError("dataset", name);
      throw error;
    }
  }

  /** Bytes that may still be uploaded, what `replacing` holds counted as free. */
  async room(replacing: string): Promise<number> {
    const kept = (await this.list()).filter(({ name, mounted }) => !mounted && name !== replacing);
    return Math.max(0, this.#options.quota - kept.reduce((sum, { bytes }) => sum + bytes, 0));
  }

  /**
   * Makes a dataset of posted files, which are moved. It replaces one of that name at once.
   *
   * @param assertFree Throws while somebody needs the one that it replaces.
   * @throws {UnprocessableError} for a bad or doubled name, no file, or more than the quota.
   * @throws {ConflictError} when the name is a folder of the operator's.
   */
  put(
    name: string,
    files: readonly PostedFile[],
    assertFree: () => Promise<void>,
  ): Promise<{ record: DatasetRecord; created: boolean }> {
    return this.#inTurn(async () => {
      this.assertWritable(name);
      checkFiles(files);
      const record = recordOf(name, files, this.#options.clock());
      const before = await this.get(name).catch((error) => {
        if (error instanceof NotFoundError) return null;
        throw error;
      });
      if (before !== null && before.sha256 === record.sha256) {
        return { record: before, created: false };
      }
      if (record.bytes > await this.room(name)) {
        throw new UnprocessableError("datasets", "the datasets would be larger than their quota");
      }
      if (before !== null) await assertFree();
      await this.#layOut(record, files, before !== null);
      return { record, created: before === null };
    });
  }

  /**
   * @param assertFree Throws while somebody needs it.
   * @throws {NotFoundError} when there is no such dataset.
   * @throws {ConflictError} when it is a folder of the operator's.
   */
  remove(name: string, assertFree: () => Promise<void>): Promise<void> {
    return this.#inTurn(async () => {
      await this.get(name);
      this.assertWritable(name);
      await assertFree();
      await this.#discard(name);
      await sync(this.#folder);
    });
  }

  /** A dataset as a manifest names it. @throws {NotFoundError} when there is no such dataset. */
  async reference(name: string): Promise<DatasetReference> {
    const mount = this.#mountOf(name);
    if (mount === undefined) return { name, sha256: (await this.get(name)).sha256 };
    await assertFolder(name, mount);
    return { name, sha256: null };
  }

  /**
   * Where a job reads the dataset that its manifest names.
   *
   * @throws {ConflictError} when it is gone, or is no longer what the job was made with.
   */
  async folder({ name, sha256 }: DatasetReference): Promise<string> {
    const record = await this.reference(name).catch((error) => {
      if (!(error instanceof NotFoundError)) throw error;
      throw new ConflictError(`the dataset ${name} has been deleted; upload it again`);
    });
    if (record.sha256 !== sha256) {
      throw new ConflictError(`the dataset ${name} is no longer the one that the job began with`);
    }
    return this.#mountOf(name) ?? this.#path(name, FILES);
  }

  /** One file and where it lies. @throws {NotFoundError} */
  async file(
    name: string,
    file: string,
  ): Promise<DatasetRecord["files"][number] & { path: string }> {
    const record = await this.get(name);
    const found = record.files.find((entry) => entry.name === file);
    if (found === undefined) throw new NotFoundError("file", file);
    return { ...found, path: join(this.#mountOf(name) ?? this.#path(name, FILES), file) };
  }

  /** @throws {ConflictError} when the name is a folder of the operator's. */
  assertWritable(name: string): void {
    if (this.#mountOf(name) !== undefined) {
      throw new ConflictError(`the dataset ${name} is a folder of the operator's: read only`);
    }
    const parsed = DatasetName.safeParse(name);
    if (!parsed.success) {
      throw new UnprocessableError("name", `name: ${parsed.error.issues[0]!.message}`);
    }
  }

  #mountOf(name: string): string | undefined {
    const { mounts } = this.#options;
    return Object.hasOwn(mounts, name) ? mounts[name] : undefined;
  }

  #path(name: string, file: string): string {
    return join(this.#folder, name, file);
  }

  /** Fills a folder aside and gives it its name only when it is complete and on disk. */
  async #layOut(record: DatasetRecord, files: readonly PostedFile[], replaces: boolean) {
    const aside = join(this.#folder, `.${randomUUID()}`);
    await Deno.mkdir(join(aside, FILES), { recursive: true, mode: 0o700 });
    try {
      for (const { name, path } of files) {
        const to = join(aside, FILES, name);
        await Deno.mkdir(dirname(to), { recursive: true, mode: 0o700 });
        await Deno.rename(path, to);
        await sync(to);
      }
      await writeDurably(join(aside, RECORD), new TextEncoder().encode(JSON.stringify(record)));
      await syncFolders(aside);
      const target = join(this.#folder, record.name);
      const replaced = join(this.#folder, `${REPLACED}${record.name}`);
      if (replaces) await Deno.rename(target, replaced);
      await Deno.rename(aside, target);
      await sync(this.#folder);
      if (replaces) await Deno.remove(replaced, { recursive: true });
    } catch (error) {
      await Deno.remove(aside, { recursive: true });
      throw error;
    }
  }

  /** Takes the name away first, so that nobody finds half a dataset. */
  async #discard(name: string): Promise<void> {
    const gone = join(this.#folder, `.${randomUUID()}`);
    await Deno.rename(join(this.#folder, name), gone);
    await Deno.remove(gone, { recursive: true });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {}); // Whoever asked for it is told.
    return turn;
  }
}

function checkFiles(files: readonly PostedFile[]): void {
  if (files.length === 0) throw new UnprocessableError("files", "a dataset needs a file");
  const taken = new Set<string>();
  for (const { name } of files) {
    for (const segment of name.split("/")) checkFileName(segment);
    // Some file systems take two names for one when only their case differs.
    const key = name.toLowerCase();
    if (taken.has(key)) throw new UnprocessableError("files", `file ${name} is there twice`);
    taken.add(key);
  }
}

function recordOf(
  name: string,
  posted: readonly PostedFile[],
  createdAt: number,
): DatasetRecord {
  const files = posted.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 }))
    .sort((a, b) => a.name < b.name ? -1 : 1);
  const hash = createHash("sha256");
  for (const file of files) hash.update(`${file.sha256}  ${file.name}\n`);
  return {
    name,
    sha256: hash.digest("hex"),
    ...total(files),
    mounted: false,
    created_at: createdAt,
  };
}

function total(files: DatasetRecord["files"]): Pick<DatasetRecord, "bytes" | "files"> {
  return { bytes: files.reduce((sum, file) => sum + file.bytes, 0), files };
}
