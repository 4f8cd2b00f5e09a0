import { join } from "@std/path";
import { fileSha256 } from "../../jobs/storage/file_sha256.ts";
import { CUDA_WHEELS } from "./cuda_wheels.ts";

/** A wheel that is known to the byte. */
export interface Wheel {
  requirement: string;
  file: string;
  sha256: string;
  megabytes: number;
  /** What is taken out of it: patterns of names inside it. */
  members: readonly string[];
}

/** Wheels that together are a library. */
export interface Bundle {
  /** For people, and to see whether just these are there already. */
  name: string;
  wheels: readonly Wheel[];
}

/** What pip has to be told, since the Python that runs here may be another than the wheels'. */
const TAGS = [
  ...["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"],
  ...["2_27", "2_17", "2_12"].flatMap((libc) => ["--platform", `manylinux_${libc}_x86_64`]),
  ...["--platform", "manylinux2014_x86_64", "--platform", "manylinux2010_x86_64"],
];

/** TensorFlow's two files. */
const LIBRARIES = ["tensorflow/libtensorflow_cc.so.2", "tensorflow/libtensorflow_framework.so.2"];

/** By `os-arch` of Deno, on the processor and on GPUs. The library in it is the same for every Python. */
const WHEELS: Readonly<Record<string, { cpu: Wheel; gpu: Wheel }>> = {
  "linux-x86_64": {
    cpu: {
      requirement: "tensorflow-cpu==2.21.0",
      file: "tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl",
      sha256: "2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c",
      megabytes: 274,
      members: LIBRARIES,
    },
    gpu: {
      requirement: "tensorflow==2.21.0",
      file: "tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl",
      sha256: "9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124",
      megabytes: 572,
      members: LIBRARIES,
    },
  },
};

/** A wheel that cannot be had, or is not the one that was asked for. */
export class WheelError extends Error {
  override name = "WheelError";
}

/**
 * The wheels for this machine.
 * @param gpu Whether the library is to compute on NVIDIA's GPUs: CUDA comes along.
 * @throws {WheelError} where none is pinned.
 */
export function pinnedBundle(
  gpu: boolean,
  platform = `${Deno.build.os}-${Deno.build.arch}`,
): Bundle {
  const pinned = WHEELS[platform];
  if (pinned === undefined) {
    throw new WheelError(
      `no wheel is pinned for ${platform}; name a folder with libtensorflow by --lib DIR`,
    );
  }
  if (!gpu) return { name: pinned.cpu.file, wheels: [pinned.cpu] };
  const wheels = [pinned.gpu, ...CUDA_WHEELS];
  return { name: wheels.map(({ file }) => file).join(" "), wheels };
}

/** Megabytes that the download takes. */
export function megabytesOf({ wheels }: Bundle): number {
  return wheels.reduce((sum, { megabytes }) => sum + megabytes, 0);
}

/**
 * Downloads the wheel through pip, which shows how far it is and checks the hash too.
 * @returns Its path in `folder`.
 * @throws {WheelError}
 */
export async function downloadWheel(wheel: Wheel, folder: string): Promise<string> {
  const requirements = join(folder, "requirements.txt");
  await Deno.writeTextFile(requirements, `${wheel.requirement} --hash=sha256:${wheel.sha256}\n`);
  await runPython([
    ...["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"],
    ...["--disable-pip-version-check", "--require-hashes", "-r", requirements, "--dest", folder],
    ...TAGS,
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
  await runPython(["-c", UNPACK, path, into, ...wheel.members], `${path} could not be unpacked`);
}

/** Unpacks the members that the patterns name, flat; the zip's own checksums are checked on the way. */
const UNPACK = `import fnmatch, os, sys, zipfile
path, into, *patterns = sys.argv[1:]
with zipfile.ZipFile(path) as wheel:
    members = [info for pattern in patterns for info in wheel.infolist() if fnmatch.fnmatch(info.filename, pattern)]
    if len(members) < len(patterns):
        sys.exit(f"{path} has not what is wanted of it: {patterns}")
    total = sum(member.file_size for member in members)
    done = 0
    for member in members:
        with wheel.open(member) as source, open(os.path.join(into, os.path.basename(member.filename)), "wb") as target:
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
