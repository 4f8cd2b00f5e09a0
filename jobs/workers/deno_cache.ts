/**
 * The `DENO_DIR` of workers: what Deno has transpiled, analysed and compiled once, so that a worker
 * starts in a fraction of the time. Made and filled by the server, read by workers.
 */
import { DatabaseSync } from "node:sqlite";

const WARM_FILE = "warm";

/**
 * Folder of the caches of the workers of this project in the user's own Deno cache, where servers
 * with different data folders find it warm; null when the environment names no such place.
 * @param env Reads a variable of the environment.
 */
export function userDenoCache(
  projectRoot: string,
  env: (name: string) => string | undefined,
): string | null {
  const home = env("HOME");
  const cache = env("XDG_CACHE_HOME") ?? (home && `${home}/.cache`);
  const denoDir = env("DENO_DIR") ?? (cache && `${cache}/deno`);
  if (!denoDir?.startsWith("/")) return null;
  return `${denoDir}/onthefly/${encodeURIComponent(projectRoot)}`;
}

/**
 * Makes the folder, with a file where Deno would keep the data of `localStorage`, `caches` and the
 * default KV: these ask for no permission, and all workers would share them.
 */
export async function prepareDenoCache(denoDir: string): Promise<void> {
  await Deno.mkdir(denoDir, { recursive: true });
  await touch(`${denoDir}/location_data`);
}

/** Names what a cache was filled from: the version of Deno and of the worker's sources. */
export function denoCacheKey(projectRoot: string): string {
  return `${Deno.version.deno} ${newestChange(`${projectRoot}/runtime`)}`;
}

/** Whether this cache was filled from just these versions. */
export async function isDenoCacheWarm(denoDir: string, key: string): Promise<boolean> {
  try {
    return await Deno.readTextFile(`${denoDir}/${WARM_FILE}`) === key;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Notes that the cache is filled. */
export async function noteDenoCacheWarm(denoDir: string, key: string): Promise<void> {
  await Deno.writeTextFile(`${denoDir}/${WARM_FILE}`, key);
}

/**
 * Makes the databases of a filled cache readable where nothing can be written: what SQLite has
 * in a write-ahead log moves into the database itself, and the files that it would want to create
 * are there, empty. Without this a worker in bubblewrap starts as with no cache: 0.74 s, not 0.18.
 */
export async function sealDenoCache(denoDir: string): Promise<void> {
  for await (const { name, isFile } of Deno.readDir(denoDir)) {
    if (!isFile || !/_cache_v\d+$/.test(name)) continue;
    const path = `${denoDir}/${name}`;
    const database = new DatabaseSync(path);
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    database.close();
    await touch(`${path}-wal`);
    await touch(`${path}-shm`);
  }
}

/**
 * Makes the folder where Deno keeps what it has transpiled of modules below `folder`, and answers
 * its path. A worker that cannot write there tries again for 0.15 s before it goes on.
 */
export async function transpiledFolder(denoDir: string, folder: string): Promise<string> {
  const path = `${denoDir}/gen/file${folder}`;
  await Deno.mkdir(path, { recursive: true });
  return path;
}

/** When a file below the folder was changed last, in ms since the epoch. */
function newestChange(folder: string): number {
  let newest = 0;
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    const changed = isDirectory ? newestChange(path) : Deno.statSync(path).mtime?.getTime() ?? 0;
    newest = Math.max(newest, changed);
  }
  return newest;
}

async function touch(path: string): Promise<void> {
  const file = await Deno.open(path, { create: true, append: true });
  file.close();
}
