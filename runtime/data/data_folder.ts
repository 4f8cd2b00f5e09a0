import { type OpenedFile, openSource } from "./byte_source.ts";

/** Files under one folder that a job may read. */
export interface DataFolder {
  /** As messages name it. */
  readonly name: string;
  /** Names of all files, relative to the folder, `/` between, sorted. */
  readonly files: readonly string[];
  /** The bytes of a file. @throws {Error} when there is no such file. */
  file(name: string): Promise<Uint8Array>;
  /** Ranged reads of a file that may be larger than memory. @throws {Error} as `file`. */
  open(name: string): Promise<OpenedFile>;
}

/** Lists a folder on disk. Symbolic links are left out: they lead where nobody may read. */
export async function openDataFolder(path: string, name: string): Promise<DataFolder> {
  const files = (await listed(path, "")).sort();
  const there = new Set(files);
  const pathOf = (file: string): string => {
    if (there.has(file)) return `${path}/${file}`;
    const shown = files.slice(0, 5).join(", ");
    throw new Error(
      `${name} has no file "${file}"; it has ${files.length}: ${shown}${
        files.length > 5 ? ", ..." : ""
      }`,
    );
  };
  return {
    name,
    files,
    file: async (file) => await Deno.readFile(pathOf(file)),
    open: async (file) => await openSource(pathOf(file), `${name}/${file}`),
  };
}

async function listed(folder: string, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isFile, isDirectory } of Deno.readDir(`${folder}/${prefix}`)) {
    if (isFile) names.push(prefix + name);
    if (isDirectory) names.push(...await listed(folder, `${prefix}${name}/`));
  }
  return names;
}
