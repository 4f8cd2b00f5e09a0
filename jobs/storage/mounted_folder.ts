import { join } from "node:path";
import { NotFoundError } from "../errors.ts";

/** A file of an operator's folder; nobody hashed it. */
export interface MountedFile {
  name: string;
  bytes: number;
  sha256: null;
}

/**
 * What an operator's folder holds now, by name; symbolic links are left out.
 *
 * @throws {NotFoundError} when it is not there.
 */
export async function mountedFiles(
  dataset: string,
  path: string,
): Promise<{ files: MountedFile[]; changedAt: number }> {
  await assertFolder(dataset, path);
  const files: MountedFile[] = [];
  const walk = async (prefix: string): Promise<void> => {
    for await (const entry of Deno.readDir(join(path, prefix))) {
      if (entry.isDirectory) await walk(`${prefix}${entry.name}/`);
      if (!entry.isFile) continue;
      const { size } = await Deno.stat(join(path, prefix, entry.name));
      files.push({ name: prefix + entry.name, bytes: size, sha256: null });
    }
  };
  await walk("");
  files.sort((a, b) => a.name < b.name ? -1 : 1);
  const { mtime } = await Deno.stat(path);
  return { files, changedAt: mtime?.getTime() ?? 0 };
}

/** @throws {NotFoundError} when the operator's folder is not there. */
export async function assertFolder(name: string, path: string): Promise<void> {
  try {
    if ((await Deno.stat(path)).isDirectory) return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  throw new NotFoundError("dataset", name);
}
