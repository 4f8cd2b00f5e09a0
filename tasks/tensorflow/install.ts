import { basename, dirname, fromFileUrl, join } from "@std/path";
import { fileSha256 } from "../../jobs/storage/file_sha256.ts";
import {
  LIBRARY_FILE,
  type LibraryRecord,
  readLibraryRecord,
} from "../../jobs/workers/tensorflow_library.ts";
import { readGpus } from "../../jobs/workers/nvidia_smi.ts";
import { findCompanions, findLibraryFiles } from "./local_library.ts";

const CHECK = fromFileUrl(new URL("./check_library.ts", import.meta.url));
const CONFIG = fromFileUrl(new URL("../../deno.json", import.meta.url));

/** A library that was brought and cannot be used. */
export class UnusableLibraryError extends Error {
  override name = "UnusableLibraryError";
}

/** Where a library comes from. */
export interface LibrarySource {
  /** For people, and to see whether just this is there already. */
  name: string;
  /** The name stands for certain bytes: what came from it once need not be brought again. */
  pinned: boolean;
  /** It is to compute on NVIDIA's GPUs. */
  gpu: boolean;
  /** Puts the library's files into the folder. */
  bring(into: string): Promise<void>;
}

/**
 * Puts a library into the folder: all of it and checked, or nothing. Whatever the folder held
 * before stays until then. Two at a time wait for one another.
 *
 * @param note Told what is being done.
 * @throws {UnusableLibraryError} when the library does not load, or has no eager C API.
 */
export async function installLibrary(
  folder: string,
  source: LibrarySource,
  note: (text: string) => void,
): Promise<LibraryRecord> {
  await Deno.mkdir(dirname(folder), { recursive: true });
  using lock = await Deno.open(`${folder}.lock`, { create: true, write: true });
  await lock.lock(true);
  await removeOld(folder);
  const there = await readLibraryRecord(folder);
  if (source.pinned && there?.source === source.name) {
    note(`checking what is in ${folder}`);
    if (await isWhole(folder, there)) return there;
    note("it is damaged");
  }
  const partial = `${folder}.partial`;
  try {
    await Deno.mkdir(partial);
    await source.bring(partial);
    note("checking the library");
    const record = await recordOf(partial, source, note);
    await Deno.writeTextFile(join(partial, LIBRARY_FILE), `${JSON.stringify(record, null, 2)}\n`);
    await replace(folder, partial);
    return record;
  } finally {
    await removeOld(folder);
  }
}

/** Removes what an installation that was ended has left. */
async function removeOld(folder: string): Promise<void> {
  for (const path of [`${folder}.partial`, `${folder}.old`]) {
    try {
      await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** Workers that have the old library open keep it: its files live until they end. */
async function replace(folder: string, partial: string): Promise<void> {
  try {
    await Deno.rename(folder, `${folder}.old`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await Deno.rename(partial, folder);
}

async function isWhole(folder: string, { files }: LibraryRecord): Promise<boolean> {
  for (const { name, sha256 } of files) {
    try {
      if (await fileSha256(join(folder, name)) !== sha256) return false;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }
  return true;
}

async function recordOf(
  folder: string,
  { name: source, gpu }: LibrarySource,
  note: (text: string) => void,
): Promise<LibraryRecord> {
  const { library, framework } = await findLibraryFiles(folder);
  const gpus = gpu ? await readGpus() : [];
  const version = await checkedVersion(library, gpus.length > 0);
  if (gpu && gpus.length === 0) {
    note("nvidia-smi lists no GPU: that the library computes on one could not be tried here");
  }
  const companions = gpu ? await findCompanions(folder, { library, framework }) : [];
  const files = [];
  for (const path of [library, framework, ...companions.toSorted()]) {
    const { size: bytes } = await Deno.stat(path);
    files.push({ name: basename(path) as string, bytes, sha256: await fileSha256(path) });
  }
  return { version, library: basename(library), files, source, ...(gpu ? { gpu } : {}) };
}

/**
 * @param gpu Whether it has to compute on a GPU.
 * @throws {UnusableLibraryError} with what the check said.
 */
async function checkedVersion(library: string, gpu: boolean): Promise<string> {
  const program = [CHECK, library, ...(gpu ? ["gpu"] : [])];
  const { code, signal, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", `--config=${CONFIG}`, `--allow-ffi=${library}`, ...program],
    env: { TF_CPP_MIN_LOG_LEVEL: "2", NO_COLOR: "1", LD_LIBRARY_PATH: dirname(library) },
    stdin: "null",
  }).output();
  const version = new TextDecoder().decode(stdout).trim();
  if (code === 0 && version.startsWith("2.")) return version;
  const said = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
  throw new UnusableLibraryError(
    signal !== null
      ? `the library does not run on this processor: it ended with ${signal}`
      : code === 0
      ? `TensorFlow ${version} is not 2.x`
      : `the library cannot be used: ${said}`,
  );
}
