/** `deno task tensorflow`: brings TensorFlow's library, with no compiler and no install script. */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { userTensorFlowDir } from "../jobs/workers/tensorflow_library.ts";
import { installLibrary, type LibrarySource, UnusableLibraryError } from "./tensorflow/install.ts";
import {
  findCompanions,
  findLibraryFiles,
  linkFiles,
  NoLibraryError,
} from "./tensorflow/local_library.ts";
import {
  type Bundle,
  downloadWheel,
  megabytesOf,
  pinnedBundle,
  unpackWheel,
  WheelError,
} from "./tensorflow/wheel.ts";

const HELP = `Bring TensorFlow's library, so that jobs can compute on it.

  deno task tensorflow               download the pinned wheel through pip and unpack the library
  deno task tensorflow --wheel FILE  unpack this copy of the pinned wheel; for a machine offline
  deno task tensorflow --lib DIR     use the library in DIR: an unpacked wheel, libtensorflow's
                                     archive, a system's library, the npm package's folder
  deno task tensorflow --gpu         the library for NVIDIA's GPUs, and CUDA's libraries with it
  deno task tensorflow --gpu --lib DIR  a library for GPUs, with CUDA's beside it or the system's

  --dry-run    say what would be downloaded, and stop
  --into DIR   where it goes; default ONTHEFLY_TENSORFLOW_DIR, or the user's cache
  --help       this text

What is there already is checked and kept. A server started afterwards computes on it.
`;

/** A mistake in how the task was called. */
class UsageError extends Error {
  override name = "UsageError";
}

function sourceOf(values: Values): LibrarySource {
  const { wheel: wheelFile, lib, gpu = false } = values;
  if (wheelFile !== undefined && lib !== undefined) {
    throw new UsageError("--wheel and --lib name two sources; give one");
  }
  if (lib !== undefined) {
    const from = resolve(lib);
    const bring = async (into: string) => {
      const files = await findLibraryFiles(from);
      const companions = gpu ? await findCompanions(from, files) : [];
      await linkFiles([files.library, files.framework, ...companions], into);
    };
    return { name: `a folder, ${from}`, pinned: false, gpu, bring };
  }
  const bundle = pinnedBundle(gpu);
  const { name, wheels: [first, ...others] } = bundle;
  if (wheelFile === undefined) {
    return { name, pinned: true, gpu, bring: (into) => download(bundle, into) };
  }
  if (others.length > 0) throw new UsageError("--gpu takes several wheels, --wheel names one");
  const bring = (into: string) => unpackWheel(first!, resolve(wheelFile), into);
  return { name, pinned: true, gpu, bring };
}

/** One wheel after another, so that no more than one lies on the disk beside what was in it. */
async function download({ wheels }: Bundle, into: string): Promise<void> {
  for (const [at, wheel] of wheels.entries()) {
    const count = wheels.length === 1 ? "" : ` ${at + 1} of ${wheels.length}`;
    console.log(`downloading${count}: ${wheel.requirement} (${wheel.megabytes} MB)`);
    const folder = join(into, "download");
    await Deno.mkdir(folder);
    await unpackWheel(wheel, await downloadWheel(wheel, folder), into);
    await Deno.remove(folder, { recursive: true });
  }
}

/** What would be downloaded: a line a wheel. */
function plan(bundle: Bundle): string {
  const lines = bundle.wheels.map(({ requirement, megabytes, sha256 }) =>
    `${requirement.padEnd(34)} ${String(megabytes).padStart(4)} MB  sha256 ${sha256}`
  );
  return [...lines, `${bundle.wheels.length} wheels, ${megabytesOf(bundle)} MB`].join("\n");
}

async function main(): Promise<void> {
  const { values } = parsedArguments();
  if (values.help) return console.log(HELP);
  if (values["dry-run"]) return console.log(plan(pinnedBundle(values.gpu ?? false)));
  const into = values.into ?? Deno.env.get("ONTHEFLY_TENSORFLOW_DIR") ??
    userTensorFlowDir((name) => Deno.env.get(name));
  if (into === null) throw new UsageError("HOME is not set: say where it goes by --into DIR");
  const source = sourceOf(values);
  const record = await installLibrary(resolve(into), source, (text) => console.log(text));
  console.log(`TensorFlow ${record.version} is in ${resolve(into)}`);
}

type Values = ReturnType<typeof parsedArguments>["values"];

function parsedArguments() {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({
      args: Deno.args,
      options: { wheel: text, lib: text, into: text, gpu: flag, "dry-run": flag, help: flag },
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
