import { createHash, randomUUID } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import type { PostedFile } from "../control_plane.ts";
import { NotFoundError, UnprocessableError } from "../errors.ts";
import type { CheckpointRecord } from "../job.ts";
import {
  isSymlink,
  namesIn,
  removeIfThere,
  sync,
  syncFolders,
  writeDurably,
} from "./durable_file.ts";
import { fileSha256 } from "./file_sha256.ts";
import { checkFileName, checkModuleName } from "./posted_names.ts";

/**
 * Files of jobs under the data folder: `jobs/<id>/{module.ts,files/,checkpoints/,origin/,blobs/}`,
 * and `tmp/` for what is not whole yet. A folder appears under its name only when it is complete.
 * Symbolic links are never followed: a job writes into its own folder.
 */
export interface ArtifactStore {
  /** A fresh temporary file on the same file system, for an upload. */
  temporaryFile(): Promise<string>;
  /**
   * Lays out a new job's folder. The posted files are moved, not copied.
   * @throws {UnprocessableError} for a file or module name that is no plain name, or is there twice.
   */
  createJob(
    job: string,
    module: string,
    extraModules: { name: string; source: string }[],
    files: PostedFile[],
  ): Promise<void>;
  /**
   * Lays out a child's folder: module and files of `parent`, hard-linked.
   * @param module Source of another main module, in place of the parent's.
   */
  createChild(job: string, parent: string, module?: string): Promise<void>;
  /** Names of the modules beside a job's main one. */
  extraModules(job: string): Promise<string[]>;
  jobDir(job: string): string;
  /**
   * Absolute path of a file in a job's folder.
   * @throws {NotFoundError} when the path leaves the folder or goes through a symbolic link.
   */
  resolve(job: string, relative: string): string;
  moduleSource(job: string): Promise<string>;
  /** Makes the folder of an attempt's checkpoints; answers its absolute path. */
  attemptDir(job: string, attempt: number): Promise<string>;
  /** Hard-links a checkpoint into another job's `origin/` folder; answers the absolute path. */
  linkOrigin(job: string, record: CheckpointRecord): Promise<string>;
  /** Whether the file is there and has the recorded SHA-256. */
  verify(record: CheckpointRecord): Promise<boolean>;
  /** Writes bytes to `blobs/<sha256>` in the job's folder; answers the SHA-256. */
  putBlob(job: string, bytes: Uint8Array): Promise<string>;
  /** @throws {NotFoundError} when it is not there, or its bytes are not those of the name. */
  getBlob(job: string, sha256: string): Promise<Uint8Array>;
  removeCheckpoint(record: CheckpointRecord): Promise<void>;
  /**
   * Deletes checkpoint files (and temporary ones) that no record names.
   * @param until The last attempt whose files are looked at; all by default.
   */
  sweep(job: string, records: CheckpointRecord[], until?: number): Promise<void>;
  removeJob(job: string): Promise<void>;
  /** Jobs that have a folder, whether or not anything else knows them. */
  folders(): Promise<string[]>;
}

/** Opens the files of the jobs in this data folder, and drops uploads of an earlier server. */
export function openArtifactStore(dataDir: string): ArtifactStore {
  const store = new FileArtifactStore(dataDir);
  Deno.mkdirSync(store.jobsDir, { recursive: true, mode: 0o700 });
  try {
    Deno.removeSync(store.temporaryDir, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  Deno.mkdirSync(store.temporaryDir, { mode: 0o700 });
  return store;
}

/** What a child shares with its parent: everything but what an attempt or the server made. */
const OWN_FOLDERS = new Set(["checkpoints", "origin", "blobs", "exports", "reports", "side"]);

class FileArtifactStore implements ArtifactStore {
  readonly jobsDir: string;
  readonly temporaryDir: string;

  constructor(dataDir: string) {
    this.jobsDir = resolve(dataDir, "jobs");
    this.temporaryDir = resolve(dataDir, "tmp");
  }

  async temporaryFile(): Promise<string> {
    const path = this.#temporaryPath();
    (await Deno.open(path, { write: true, createNew: true, mode: 0o600 })).close();
    return path;
  }

  async createJob(
    job: string,
    module: string,
    extraModules: { name: string; source: string }[],
    files: PostedFile[],
  ): Promise<void> {
    checkNames(extraModules, files);
    await this.#layOut(job, async (folder) => {
      await writeDurably(join(folder, "module.ts"), new TextEncoder().encode(module));
      for (const { name, source } of extraModules) {
        const path = join(folder, name);
        await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await writeDurably(path, new TextEncoder().encode(source));
      }
      await Deno.mkdir(join(folder, "files"), { mode: 0o700 });
      for (const file of files) {
        const path = join(folder, "files", file.name);
        await Deno.rename(file.path, path);
        await Deno.chmod(path, 0o600);
        await sync(path);
      }
    });
  }

  async createChild(job: string, parent: string, module?: string): Promise<void> {
    const from = this.jobDir(parent);
    await this.#layOut(job, async (folder) => {
      if (module === undefined) return await linkTree(from, folder, OWN_FOLDERS);
      await linkTree(from, folder, new Set([...OWN_FOLDERS, "module.ts"]));
      await writeDurably(join(folder, "module.ts"), new TextEncoder().encode(module));
    });
  }

  async extraModules(job: string): Promise<string[]> {
    const skip = new Set([...OWN_FOLDERS, "files", "module.ts"]);
    return await plainFiles(this.jobDir(job), skip);
  }

  jobDir(job: string): string {
    if (!/^[A-Za-z0-9_-]{1,100}$/.test(job)) throw new NotFoundError("job", job);
    return join(this.jobsDir, job);
  }

  resolve(job: string, relative: string): string {
    let path = this.jobDir(job);
    for (const segment of relative.split("/")) {
      if (segment === "" || segment === "." || segment === ".." || segment.includes("\0")) {
        throw new NotFoundError("file", relative);
      }
      path = join(path, segment);
      if (isSymlink(path)) throw new NotFoundError("file", relative);
    }
    return path;
  }

  moduleSource(job: string): Promise<string> {
    return Deno.readTextFile(this.resolve(job, "module.ts"));
  }

  async attemptDir(job: string, attempt: number): Promise<string> {
    const path = this.resolve(job, `checkpoints/${attempt}`);
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    await sync(dirname(path));
    return path;
  }

  async linkOrigin(job: string, record: CheckpointRecord): Promise<string> {
    const from = this.resolve(record.job, record.path);
    const number = String(record.checkpoint).padStart(6, "0");
    const path = this.resolve(job, `origin/${record.job}-${number}.safetensors`);
    await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await removeIfThere(path);
    await Deno.link(from, path);
    await sync(dirname(path));
    return path;
  }

  async verify(record: CheckpointRecord): Promise<boolean> {
    try {
      const path = this.resolve(record.job, record.path);
      const { isFile, size } = await Deno.lstat(path);
      return isFile && size === record.bytes && await fileSha256(path) === record.sha256;
    } catch (error) {
      if (error instanceof NotFoundError || error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  async putBlob(job: string, bytes: Uint8Array): Promise<string> {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const path = this.resolve(job, `blobs/${sha256}`);
    await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const whole = this.#temporaryPath();
    await writeDurably(whole, bytes);
    await Deno.rename(whole, path);
    await sync(dirname(path));
    return sha256;
  }

  async getBlob(job: string, sha256: string): Promise<Uint8Array> {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new NotFoundError("blob", sha256);
    const bytes = await Deno.readFile(this.resolve(job, `blobs/${sha256}`)).catch((error) => {
      throw error instanceof Deno.errors.NotFound ? new NotFoundError("blob", sha256) : error;
    });
    if (createHash("sha256").update(bytes).digest("hex") !== sha256) {
      throw new NotFoundError("blob", sha256);
    }
    return bytes;
  }

  removeCheckpoint(record: CheckpointRecord): Promise<void> {
    return removeIfThere(this.resolve(record.job, record.path));
  }

  async sweep(job: string, records: CheckpointRecord[], until = Infinity): Promise<void> {
    const kept = new Set(records.map((record) => record.path));
    const folder = join(this.jobDir(job), "checkpoints");
    if (isSymlink(folder)) return await Deno.remove(folder);
    for (const attempt of await namesIn(folder)) {
      if (Number(attempt) > until) continue;
      // `namesIn` would follow a link that took the place of an attempt's folder.
      if (isSymlink(join(folder, attempt))) await Deno.remove(join(folder, attempt));
      for (const file of await namesIn(join(folder, attempt))) {
        if (kept.has(`checkpoints/${attempt}/${file}`)) continue;
        await Deno.remove(join(folder, attempt, file), { recursive: true });
      }
    }
  }

  async removeJob(job: string): Promise<void> {
    const gone = this.#temporaryPath();
    try {
      await Deno.rename(this.jobDir(job), gone);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    await sync(this.jobsDir);
    await Deno.remove(gone, { recursive: true });
  }

  async folders(): Promise<string[]> {
    return (await namesIn(this.jobsDir)).filter((name) => name.startsWith("job-"));
  }

  /** Fills a folder aside and gives it its name only when it is complete and on disk. */
  async #layOut(job: string, fill: (folder: string) => Promise<void>): Promise<void> {
    const target = this.jobDir(job);
    const folder = this.#temporaryPath();
    await Deno.mkdir(folder, { mode: 0o700 });
    try {
      await fill(folder);
      await syncFolders(folder);
      await Deno.rename(folder, target);
      await sync(this.jobsDir);
    } catch (error) {
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  #temporaryPath(): string {
    return join(this.temporaryDir, randomUUID());
  }
}

function checkNames(modules: { name: string }[], files: { name: string }[]): void {
  for (const { name } of modules) checkModuleName(name);
  for (const { name } of files) checkFileName(name);
  const twice = (names: string[]) => names.find((name, at) => names.indexOf(name) !== at);
  const module = twice(modules.map(({ name }) => name));
  if (module !== undefined) {
    throw new UnprocessableError("module", `module ${module} is there twice`);
  }
  const file = twice(files.map(({ name }) => name));
  if (file !== undefined) throw new UnprocessableError("files", `file ${file} is there twice`);
}

/** Paths of the plain files below a folder, relative to it. */
async function plainFiles(folder: string, skip: ReadonlySet<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (skip.has(entry.name)) continue;
    if (entry.isFile) found.push(entry.name);
    if (!entry.isDirectory) continue;
    const below = await plainFiles(join(folder, entry.name), new Set());
    found.push(...below.map((name) => `${entry.name}/${name}`));
  }
  return found;
}

/** Hard-links every plain file below `from`; symbolic links and other oddities are left out. */
async function linkTree(from: string, to: string, skip: ReadonlySet<string>): Promise<void> {
  for await (const entry of Deno.readDir(from)) {
    if (skip.has(entry.name)) continue;
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isFile) await Deno.link(source, target);
    if (!entry.isDirectory) continue;
    await Deno.mkdir(target, { mode: 0o700 });
    await linkTree(source, target, new Set());
  }
}
