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

/** Puts the files into a folder under their own names: by hard links where it can. */
export async function linkLibraryFiles(files: LibraryFiles, into: string): Promise<void> {
  for (const path of [files.library, files.framework]) {
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
