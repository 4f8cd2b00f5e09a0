import { join } from "@std/path";
import { z } from "zod";

/** Name of the file that says what `deno task tensorflow` has put into a folder. */
export const LIBRARY_FILE = "library.json";

/** What a folder of TensorFlow's library holds. */
export const LibraryRecord = z.strictObject({
  /** As the library itself says, such as `2.21.0`. */
  version: z.string(),
  /** The file to open; what it needs lies beside it. */
  library: z.string(),
  files: z.array(z.strictObject({
    name: z.string().regex(/^[\w.+-]+$/),
    bytes: z.number().int().positive(),
    sha256: z.string(),
  })).min(1),
  /** Where the files came from, for people. */
  source: z.string(),
  /** It computes on NVIDIA's GPUs, and on nothing else here. */
  gpu: z.boolean().optional(),
});
/** What a folder of TensorFlow's library holds. */
export type LibraryRecord = z.infer<typeof LibraryRecord>;

/** A library that is there, whole. Paths are absolute, with no symbolic link in them. */
export interface InstalledLibrary {
  folder: string;
  path: string;
  version: string;
  /** It is to compute on a GPU. */
  gpu?: true;
}

/** The library cannot be used; the message says why and what helps. */
export class TensorFlowMissingError extends Error {
  override name = "TensorFlowMissingError";
}

/**
 * Folder of the library in the user's own cache, where every checkout finds it; null when the
 * environment names no such place.
 * @param env Reads a variable of the environment.
 */
export function userTensorFlowDir(env: (name: string) => string | undefined): string | null {
  const home = env("HOME");
  const cache = env("XDG_CACHE_HOME") ?? (home && `${home}/.cache`);
  return cache?.startsWith("/") ? `${cache}/onthefly/tensorflow` : null;
}

/**
 * Looks whether the folder holds a library with all its files at their full length; their hashes are
 * for `deno task tensorflow` to check, since that takes seconds.
 * @throws {TensorFlowMissingError}
 */
export async function findTensorFlow(folder: string | null): Promise<InstalledLibrary> {
  if (folder === null) {
    throw new TensorFlowMissingError(
      "nobody said where its library is (HOME, or ONTHEFLY_TENSORFLOW_DIR)",
    );
  }
  const record = await readLibraryRecord(folder);
  if (record === null) {
    throw new TensorFlowMissingError(
      `its library is not in ${folder}; \`deno task tensorflow\` brings it`,
    );
  }
  for (const { name, bytes } of record.files) {
    const size = await sizeOf(join(folder, name));
    if (size === bytes) continue;
    throw new TensorFlowMissingError(
      `${join(folder, name)} ${
        size === null ? "is missing" : `has ${size} bytes, not ${bytes}`
      }; ` +
        "`deno task tensorflow` brings it again",
    );
  }
  const real: string = await Deno.realPath(folder);
  return {
    folder: real,
    path: join(real, record.library),
    version: record.version,
    ...(record.gpu ? { gpu: true } : {}),
  };
}

/** What the folder says it holds; null when there is no such folder, or it says nothing. */
export async function readLibraryRecord(folder: string): Promise<LibraryRecord | null> {
  try {
    const text = await Deno.readTextFile(join(folder, LIBRARY_FILE));
    return LibraryRecord.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return null;
    throw error;
  }
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await Deno.stat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
