import { join } from "node:path";
import { NotFoundError } from "../errors.ts";
import type { ArtifactStore } from "../storage/artifact_store.ts";
import { namesIn, sync, writeDurably } from "../storage/durable_file.ts";

/** What {@linkcode NumberedFolders} keeps. */
export interface FolderKind<T> {
  /** Folder of all of them in the job's: `reports`. */
  home: string;
  /** What one is called: `report`. */
  what: string;
  /** Reads a record back. @throws for what is none. */
  parse: (json: unknown) => T;
}

/**
 * Results of jobs, each in a folder of its own, numbered from 1: `<home>/<n>`, some files and a
 * record of them. One appears under its number only when it is whole, and never changes.
 */
export class NumberedFolders<T> {
  readonly #artifacts: ArtifactStore;
  readonly #kind: FolderKind<T>;

  constructor(artifacts: ArtifactStore, kind: FolderKind<T>) {
    this.#artifacts = artifacts;
    this.#kind = kind;
  }

  /** Moves files of `folder` in, under the next number, with what is then known of it. */
  async add(
    job: string,
    folder: string,
    files: readonly string[],
    recordOf: (number: number) => T,
  ): Promise<T> {
    const home = this.#artifacts.resolve(job, this.#kind.home);
    await Deno.mkdir(home, { recursive: true, mode: 0o700 });
    const whole = await Deno.makeTempDir({ dir: home, prefix: "." });
    try {
      for (const name of files) {
        await Deno.rename(join(folder, name), join(whole, name));
        await sync(join(whole, name));
      }
      for (let number = await this.#next(job);; number++) {
        const record = recordOf(number);
        const path = join(whole, this.#recordName);
        await Deno.remove(path).catch(ifThere);
        await writeDurably(path, new TextEncoder().encode(JSON.stringify(record)));
        await sync(whole);
        if (!await renamed(whole, join(home, folderOf(number)))) continue;
        await sync(home);
        return record;
      }
    } catch (error) {
      await Deno.remove(whole, { recursive: true }).catch(ifThere);
      throw error;
    }
  }

  /** Newest first. */
  async list(job: string): Promise<T[]> {
    const numbers = (await this.#numbers(job)).sort((a, b) => b - a);
    return await Promise.all(numbers.map((number) => this.get(job, number)));
  }

  /** @throws {NotFoundError} when the job has none of this number. */
  async get(job: string, number: number): Promise<T> {
    try {
      const text = await Deno.readTextFile(this.path(job, number, this.#recordName));
      return this.#kind.parse(JSON.parse(text));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new NotFoundError(this.#kind.what, `${number} of ${job}`);
    }
  }

  /** Absolute path of a file of one. */
  path(job: string, number: number, file: string): string {
    return this.#artifacts.resolve(job, `${this.#kind.home}/${folderOf(number)}/${file}`);
  }

  get #recordName(): string {
    return `${this.#kind.what}.json`;
  }

  async #numbers(job: string): Promise<number[]> {
    const names = await namesIn(this.#artifacts.resolve(job, this.#kind.home));
    return names.filter((name) => /^\d+$/.test(name)).map(Number);
  }

  async #next(job: string): Promise<number> {
    return Math.max(0, ...await this.#numbers(job)) + 1;
  }
}

function folderOf(number: number): string {
  return String(number).padStart(6, "0");
}

/** False when another has taken the name meanwhile. */
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
