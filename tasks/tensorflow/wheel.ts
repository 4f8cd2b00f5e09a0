import { join } from "@std/path";
import { fileSha256 } from "../../jobs/storage/file_sha256.ts";

/** A wheel that is known to the byte. */
interface Wheel {
  requirement: string;
  /** What pip has to be told, since the Python that runs here may be another than the wheel's. */
  tags: { python: string; abi: string; platform: string };
  file: string;
  sha256: string;
  megabytes: number;
}

/** By `os-arch` of Deno. The library in it is the same for every Python. */
const WHEELS: Readonly<Record<string, Wheel>> = {
  "linux-x86_64": {
    requirement: "tensorflow-cpu==2.21.0",
    tags: { python: "3.11", abi: "cp311", platform: "manylinux_2_27_x86_64" },
    file: "tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl",
    sha256: "2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c",
    megabytes: 274,
  },
};

/** What is taken out of a wheel: names inside it. */
const MEMBERS = ["tensorflow/libtensorflow_cc.so.2", "tensorflow/libtensorflow_framework.so.2"];

/** A wheel that cannot be had, or is not the one that was asked for. */
export class WheelError extends Error {
  override name = "WheelError";
}

/** The wheel for this machine. @throws {WheelError} where none is pinned. */
export function pinnedWheel(platform = `${Deno.build.os}-${Deno.build.arch}`): Wheel {
  const wheel = WHEELS[platform];
  if (wheel !== undefined) return wheel;
  throw new WheelError(
    `no wheel is pinned for ${platform}; name a folder with libtensorflow by --lib DIR`,
  );
}

/**
 * Downloads the wheel through pip, which shows how far it is and checks the hash too.
 * @returns Its path in `folder`.
 * @throws {WheelError}
 */
export async function downloadWheel(wheel: Wheel, folder: string): Promise<string> {
  const requirements = join(folder, "requirements.txt");
  await Deno.writeTextFile(requirements, `${wheel.requirement} --hash=sha256:${wheel.sha256}\n`);
  const { python, abi, platform } = wheel.tags;
  await runPython([
    ...["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"],
    ...["--disable-pip-version-check", "--require-hashes", "-r", requirements, "--dest", folder],
    ...["--python-version", python, "--implementation", "cp", "--abi", abi],
    ...["--platform", platform],
  ], `pip could not download ${wheel.requirement}`);
  return join(folder, wheel.file);
}

/**
 * Takes the library out of a wheel.
 * @throws {WheelError} when the file is not, to the byte, the wheel that is pinned.
 */
export async function unpackWheel(wheel: Wheel, path: string, into: string): Promise<void> {
  const sha256 = await fileSha256(path);
  if (sha256 !== wheel.sha256) {
    throw new WheelError(
      `${path} is not ${wheel.file}, or was damaged: its SHA-256 is ${sha256}, not ${wheel.sha256}`,
    );
  }
  await runPython(["-c", UNPACK, path, into, ...MEMBERS], `${path} could not be unpacked`);
}

/** Unpacks the named members, flat; the zip's own checksums are checked on the way. */
const UNPACK = `import os, sys, zipfile
path, into, *members = sys.argv[1:]
with zipfile.ZipFile(path) as wheel:
    total = sum(wheel.getinfo(member).file_size for member in members)
    done = 0
    for member in members:
        with wheel.open(member) as source, open(os.path.join(into, os.path.basename(member)), "wb") as target:
            while piece := source.read(1 << 22):
                target.write(piece)
                done += len(piece)
                if sys.stdout.isatty():
                    print(f"\\r  unpacking {100 * done // total:3d}%", end="", flush=True)
if sys.stdout.isatty():
    print()
`;

async function runPython(args: string[], fault: string): Promise<void> {
  const python = new Deno.Command("python3", { args, stdin: "null" });
  let code: number;
  try {
    ({ code } = await python.spawn().status);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new WheelError(`${fault}: there is no python3 here; or name a library by --lib DIR`);
  }
  if (code !== 0) throw new WheelError(`${fault}: python3 exited with ${code}`);
}
