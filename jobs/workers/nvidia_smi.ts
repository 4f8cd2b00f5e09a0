/** One NVIDIA GPU as its driver sees it. Sizes are bytes. */
export interface Gpu {
  index: number;
  /** Names it whatever other GPUs are visible: `GPU-5d5ba0d6-...`. */
  uuid: string;
  name: string;
  totalBytes: number;
  usedBytes: number;
  freeBytes: number;
  /** Share of the last moment that it was busy, in [0, 1]; null where the driver does not tell. */
  busy: number | null;
  /** On the PCI bus: `0000:03:00.0`. */
  bus: string;
}

const FIELDS = [
  ...["index", "uuid", "name", "pci.bus_id", "memory.total", "memory.used", "memory.free"],
  "utilization.gpu",
];
const QUERY = [`--query-gpu=${FIELDS.join(",")}`, "--format=csv,noheader,nounits"];
const MIB = 2 ** 20;

/** The GPUs that `nvidia-smi` lists; none where there is no such program, or it fails. */
export async function readGpus(program = "nvidia-smi"): Promise<Gpu[]> {
  try {
    const { success, stdout } = await new Deno.Command(program, {
      args: QUERY,
      stdin: "null",
      stderr: "null",
      signal: AbortSignal.timeout(10_000),
    }).output();
    return success ? parseGpus(new TextDecoder().decode(stdout)) : [];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/**
 * Reads what {@linkcode readGpus} asks for, a line a GPU. Lines that say no such thing are left out,
 * as is a GPU whose memory the driver does not tell.
 */
export function parseGpus(text: string): Gpu[] {
  return text.split("\n").flatMap((line) => {
    const cells = line.split(", ").map((cell) => cell.trim());
    const [index, uuid, name, bus, total, used, free, busy] = cells;
    if (cells.length !== FIELDS.length || !/^\d+$/.test(index!)) return [];
    const [totalBytes, usedBytes, freeBytes] = [total, used, free].map((mib) => Number(mib) * MIB);
    if (![totalBytes, usedBytes, freeBytes].every(Number.isFinite)) return [];
    return [{
      index: Number(index),
      uuid: uuid!,
      name: name!,
      totalBytes: totalBytes!,
      usedBytes: usedBytes!,
      freeBytes: freeBytes!,
      busy: Number.isFinite(Number(busy)) ? Number(busy) / 100 : null,
      // The driver's own folders are named by four digits of the domain, in small letters.
      bus: bus!.toLowerCase().replace(/^0000(?=[0-9a-f]{4}:)/, ""),
    }];
  });
}

/** Nodes that every user of a GPU opens, where they are. */
const CONTROL = ["nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"];

/**
 * Paths of the device nodes of one GPU: its own and those that control all.
 * @param information Reads what the driver says of a GPU on this bus: `Device Minor: 0`.
 * @throws {Error} when the driver does not say which node is the GPU's.
 */
export function nvidiaNodes(
  { bus, name }: Pick<Gpu, "bus" | "name">,
  information: (bus: string) => string = readInformation,
  exists: (path: string) => boolean = isThere,
): string[] {
  const minor = /^Device Minor:\s*(\d+)$/m.exec(information(bus))?.[1];
  if (minor === undefined) throw new Error(`the driver does not say which device ${name} is`);
  const control = CONTROL.map((node) => `/dev/${node}`).filter(exists);
  return [`/dev/nvidia${minor}`, ...control];
}

function readInformation(bus: string): string {
  try {
    return Deno.readTextFileSync(`/proc/driver/nvidia/gpus/${bus}/information`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
