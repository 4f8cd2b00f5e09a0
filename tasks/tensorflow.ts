/** `deno task tensorflow`: brings TensorFlow's library, with no compiler and no install script. */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { userTensorFlowDir } from "../jobs/workers/tensorflow_library.ts";
import { installLibrary, type LibrarySource, UnusableLibraryError } from "./tensorflow/install.ts";
import { findLibraryFiles, linkLibraryFiles, NoLibraryError } from "./tensorflow/local_library.ts";
import { downloadWheel, pinnedWheel, unpackWheel, WheelError } from "./tensorflow/wheel.ts";

const HELP = `Bring TensorFlow's library, so that jobs can compute on it.

  deno task tensorflow               download the pinned wheel through pip and unpack the library
  deno task tensorflow --wheel FILE  unpack this copy of the pinned wheel; for a machine offline
  deno task tensorflow --lib DIR     use the library in DIR: an unpacked wheel, libtensorflow's
                                     archive, a system's library, the npm package's folder

  --into DIR   where it goes; default ONTHEFLY_TENSORFLOW_DIR, or the user's cache
  --help       this text

What is there already is checked and kept. A server started afterwards computes on it.
`;

/** A mistake in how the task was called. */
class UsageError extends Error {
  override name = "UsageError";
}

function sourceOf(wheelFile: string | undefined, folder: string | undefined): LibrarySource {
  if (wheelFile !== undefined && folder !== undefined) {
    throw new UsageError("--wheel and --lib name two sources; give one");
  }
  if (folder !== undefined) {
    const from = resolve(folder);
    const bring = async (into: string) => linkLibraryFiles(await findLibraryFiles(from), into);
    return { name: `a folder, ${from}`, pinned: false, bring };
  }
  const wheel = pinnedWheel();
  const bring = async (into: string) => {
    if (wheelFile !== undefined) return await unpackWheel(wheel, resolve(wheelFile), into);
    console.log(`downloading ${wheel.requirement} (${wheel.megabytes} MB)`);
    const folder = join(into, "download");
    await Deno.mkdir(folder);
    await unpackWheel(wheel, await downloadWheel(wheel, folder), into);
    await Deno.remove(folder, { recursive: true });
  };
  return { name: wheel.file, pinned: true, bring };
}

async function main(): Promise<void> {
  const { values } = parsedArguments();
  if (values.help) return console.log(HELP);
  const into = values.into ?? Deno.env.get("ONTHEFLY_TENSORFLOW_DIR") ??
    userTensorFlowDir((name) => Deno.env.get(name));
  if (into === null) throw new UsageError("HOME is not set: say where it goes by --into DIR");
  const source = sourceOf(values.wheel, values.lib);
  const record = await installLibrary(resolve(into), source, (text) => console.log(text));
  console.log(`TensorFlow ${record.version} is in ${resolve(into)}`);
}

function parsedArguments() {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: Deno.args,
      options: { wheel: text, lib: text, into: text, help: { type: "boolean" } },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    const expected = [UsageError, WheelError, NoLibraryError, UnusableLibraryError];
    if (!expected.some((kind) => error instanceof kind)) throw error;
    console.error((error as Error).message);
    Deno.exit(error instanceof UsageError ? 2 : 1);
  }
}
