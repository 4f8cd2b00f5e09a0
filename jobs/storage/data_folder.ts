import { join, resolve } from "node:path";

/** Version of the folder's layout. */
const FOLDER_VERSION = 1;

/** A data folder that cannot be used; the message says which and why. */
export class DataFolderError extends Error {
  override name = "DataFolderError";
}

/** A data folder that this process holds. */
export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  /** Lets another server have it. */
  close(): void;
}

/**
 * Takes a data folder for this process, making it (0700) if it is not there. The operating system
 * holds the lock, so it ends with the process, however that ends.
 *
 * @throws {DataFolderError} when another server has it, it is newer than this program, or no folder.
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  const folder = resolve(path);
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new DataFolderError(`cannot make the data folder ${folder}: ${reason(cause)}`, { cause });
  }
  const lock = await takeLock(folder);
  try {
    await checkVersion(folder);
    return { path: folder, close: () => lock.close() };
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** The lock file holds the pid of its holder, for the message that the next one gets. */
async function takeLock(folder: string): Promise<Deno.FsFile> {
  const path = join(folder, "lock");
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
  } catch (cause) {
    throw new DataFolderError(`cannot use the data folder ${folder}: ${reason(cause)}`, { cause });
  }
  if (await file.tryLock(true)) {
    await file.truncate();
    await file.write(new TextEncoder().encode(`${Deno.pid}\n`));
    return file;
  }
  file.close();
  const holder = (await Deno.readTextFile(path)).trim() || "unknown";
  throw new DataFolderError(
    `the data folder ${folder} is in use by another server (pid ${holder}); ` +
      `stop it, or set ONTHEFLY_DATA_DIR to another folder`,
  );
}

async function checkVersion(folder: string): Promise<void> {
  const path = join(folder, "version");
  try {
    const found = Number(await Deno.readTextFile(path));
    if (found === FOLDER_VERSION) return;
    throw new DataFolderError(
      `the data folder ${folder} has version ${found}, this program knows up to ${FOLDER_VERSION}`,
    );
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await Deno.writeTextFile(path, `${FOLDER_VERSION}\n`, { mode: 0o600 });
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
