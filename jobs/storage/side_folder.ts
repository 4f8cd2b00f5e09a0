import type { WorkerProcess } from "../workers/launcher.ts";
import type { ArtifactStore } from "./artifact_store.ts";
import { namesIn, removeIfThere, writeDurably } from "./durable_file.ts";

/**
 * Where one side worker writes: `side/<name>` in its job's folder, gone when its work is done. The
 * process is noted beside the folder, not in it: the worker must not be able to name another.
 */
export class SideFolder {
  readonly path: string;
  readonly #note: string;

  constructor(artifacts: ArtifactStore, job: string, readonly name: string) {
    this.path = artifacts.resolve(job, `side/${name}`);
    this.#note = artifacts.resolve(job, `side/${name}.json`);
  }

  async make(): Promise<void> {
    await Deno.mkdir(this.path, { recursive: true, mode: 0o700 });
  }

  /** Remembers the process, so that a later server can end it. */
  async note(process: WorkerProcess | null): Promise<void> {
    await writeDurably(this.#note, new TextEncoder().encode(JSON.stringify(process)));
  }

  /** The process that was noted; null when there was none yet. */
  async noted(): Promise<WorkerProcess | null> {
    try {
      return JSON.parse(await Deno.readTextFile(this.#note)) as WorkerProcess | null;
    } catch (error) {
      // A note that was cut short is of a worker that never got its context.
      if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return null;
      throw error;
    }
  }

  async remove(): Promise<void> {
    await Deno.remove(this.path, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
    await removeIfThere(this.#note);
  }
}

/** Folders of a job's side workers that an earlier server left behind. */
export async function leftSideFolders(
  artifacts: ArtifactStore,
  job: string,
): Promise<SideFolder[]> {
  const names = await namesIn(artifacts.resolve(job, "side"));
  const folders = new Set(names.map((name) => name.replace(/\.json$/, "")));
  return [...folders].map((name) => new SideFolder(artifacts, job, name));
}
