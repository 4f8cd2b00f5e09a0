import { basename, join } from "@std/path";

/** Names of the file to open, the first that is there; and of what it needs beside it. */
const LIBRARIES = ["libtensorflow_cc.so.2", "libtensorflow.so.2"];
const FRAMEWORK = "libtensorflow_framework.so.2";

/** Where a wheel, libtensorflow's archive and the npm package have it below their folder. */
const PLACES = [".", "tensorflow", "lib", "deps/lib"];

/** A folder without TensorFlow's library. */
export class NoLibraryError extends Error {
  override name = "NoLibraryError";
}

/** The library's two files in a folder. */
export interface LibraryFiles {
  library: string;
  framework: string;
}

/** Finds the library in the folder, or where it usually lies below. @throws {NoLibraryError} */
export async function findLibraryFiles(folder: string): Promise<LibraryFiles> {
  for (const place of PLACES) {
    const framework = join(folder, place, FRAMEWORK);
    if (!await isFile(framework)) continue;
    for (const name of LIBRARIES) {
      const library = join(folder, place, name);
      if (await isFile(library)) return { library, framework };
    }
  }
  throw new NoLibraryError(
    `${folder} has no ${LIBRARIES.join(" or ")} with ${FRAMEWORK} beside it`,
  );
}

/** Where CUDA's libraries lie: beside TensorFlow's, or as NVIDIA's wheels are unpacked. */
const CUDA_PLACES = [".", "nvidia/*/lib", "../nvidia/*/lib"];
const SHARED_LIBRARY = /\.so(\.\d+)*$/;

/** CUDA's libraries in the folder or beside it; none where the system itself has them. */
export async function findCompanions(folder: string, files: LibraryFiles): Promise<string[]> {
  const own = new Set([basename(files.library), basename(files.framework)]);
  const found = new Map<string, string>();
  for (const place of CUDA_PLACES) {
    for await (const path of filesIn(folder, place.split("/"))) {
      const name: string = basename(path);
      if (SHARED_LIBRARY.test(name) && !own.has(name) && !found.has(name)) found.set(name, path);
    }
  }
  return [...found.values()];
}

async function* filesIn(folder: string, [step, ...steps]: string[]): AsyncGenerator<string> {
  if (step !== undefined && step !== "*") return yield* filesIn(join(folder, step), steps);
  try {
    for await (const entry of Deno.readDir(folder)) {
      const path = join(folder, entry.name);
      if (step === "*" && entry.isDirectory) yield* filesIn(path, steps);
      if (step === undefined && await isFile(path)) yield path;
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return;
    throw error;
  }
}

/** Puts files into a folder under their own names: by hard links where it can. */
export async function linkFiles(paths: readonly string[], into: string): Promise<void> {
  for (const path of paths) {
    const source = await Deno.realPath(path);
    const target = join(into, basename(path));
    try {
      await Deno.link(source, target);
    } catch {
      // Another file system, or one without links: a copy does as well.
      await Deno.copyFile(source, target);
    }
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}
