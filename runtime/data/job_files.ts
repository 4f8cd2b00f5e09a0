import type { LaunchContext } from "../protocol/commands.ts";
import { type ByteSource, bytesSource, openSource } from "./byte_source.ts";
import { type DataFolder, openDataFolder } from "./data_folder.ts";

/** How a job reads what was posted with it, and the datasets that it named. */
export interface JobFiles {
  /** Bytes of a file posted with the job. @throws {Error} that lists the files there are. */
  file(name: string): Promise<Uint8Array>;
  /** Ranged reads of such a file, for one too large to hold. @throws {Error} as `file`. */
  open(name: string): Promise<ByteSource>;
  /** Files of a dataset that the submission named. @throws {Error} that lists those it did. */
  dataset(name: string): Promise<DataFolder>;
}

/** Reads what the launch names, and says what there is when somebody asks for something else. */
export function jobFiles(
  { files, datasets = [] }: Pick<LaunchContext, "files" | "datasets">,
): JobFiles {
  const pathOf = finder(
    files,
    (name, there) => `no file "${name}" was posted with the job; posted: ${there}`,
  );
  const folderOf = finder(
    datasets,
    (name, there) =>
      `the submission names no dataset "${name}" in its field datasets; it names: ${there}`,
  );
  return {
    file: async (name) => await Deno.readFile(pathOf(name)),
    open: async (name) => await openSource(pathOf(name), name),
    dataset: async (name) => await openDataFolder(folderOf(name), name),
  };
}

/** The files of who has only a way to read them whole. */
export function wholeFiles(file: JobFiles["file"]): JobFiles {
  return {
    file,
    open: async (name) => bytesSource(await file(name), name),
    dataset: (name) =>
      Promise.reject(
        new Error(`there is no dataset "${name}": datasets belong to a server's jobs`),
      ),
  };
}

function finder(
  entries: readonly { name: string; path: string }[],
  message: (name: string, there: string) => string,
): (name: string) => string {
  const paths = new Map(entries.map(({ name, path }) => [name, path]));
  return (name) => {
    const path = paths.get(name);
    if (path !== undefined) return path;
    throw new Error(message(name, paths.size === 0 ? "none" : [...paths.keys()].join(", ")));
  };
}
