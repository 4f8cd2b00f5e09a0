import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import type { GpuLease, GpuPool } from "./gpu_pool.ts";
import type { LaunchRequest } from "./launcher.ts";
import { type NativeBackend, nativeFor } from "./native_backend.ts";
import { type Gpu, nvidiaNodes } from "./nvidia_smi.ts";
import type { InstalledLibrary } from "./tensorflow_library.ts";
import { gpuEnvironment, type WebGpuAccess, webGpuFor } from "./webgpu_adapter.ts";

/** TensorFlow in a worker logs warnings and worse. */
const NATIVE_ENVIRONMENT = { TF_CPP_MIN_LOG_LEVEL: "2" };

/** What workers may compute with, on this machine. */
export interface DevicesHere {
  native: NativeBackend;
  webgpu: WebGpuAccess;
  /** The GPUs that TensorFlow computes on. */
  gpus: GpuPool;
  /** The device nodes of a GPU. */
  nodesOf?: typeof nvidiaNodes;
}

/** The part of the launch context that says what there is to compute with. */
interface Told {
  tensorflow: NonNullable<LaunchContext["tensorflow"]>;
  webgpu: NonNullable<LaunchContext["webgpu"]>;
}

/** What one attempt computes with: what it is told of it, sees of it, and gives back. */
export interface Devices {
  told: Told;
  library: InstalledLibrary | null;
  env: Readonly<Record<string, string>>;
  /** Device nodes that it sees. */
  nodes: readonly string[];
  lease: GpuLease | null;
}

/**
 * Takes what the attempt computes with. With a library for GPUs it gets one GPU, or a share of it,
 * and sees no other.
 * @throws {GpuBusyError} when no GPU has room: it is not sent to the processor instead.
 */
export async function takeDevices(request: LaunchRequest, here: DevicesHere): Promise<Devices> {
  const { library, reason } = nativeFor(request, here.native);
  const webgpu = webGpuFor(request.context, { library, reason }, here.webgpu);
  const told = {
    tensorflow: { library: library?.path ?? null, reason },
    webgpu: { adapter: webgpu?.adapter ?? null, reason: here.webgpu.reason },
  };
  const env = {
    ...(library === null ? {} : NATIVE_ENVIRONMENT),
    ...(webgpu === null ? {} : gpuEnvironment()),
  };
  const plain = { told, library, env, nodes: webgpu?.devices ?? [], lease: null };
  return library?.gpu ? await withGpu(plain, library, here) : plain;
}

async function withGpu(
  plain: Devices,
  library: InstalledLibrary,
  { gpus, nodesOf = nvidiaNodes }: DevicesHere,
): Promise<Devices> {
  const lease = await gpus.take();
  const { gpu, fraction } = lease;
  try {
    const tensorflow = { ...plain.told.tensorflow, gpu: { name: gpu.name, fraction } };
    return {
      ...plain,
      told: { ...plain.told, tensorflow },
      env: {
        ...plain.env,
        ...cudaEnvironment(gpu, library),
      },
      nodes: nodesOf(gpu),
      lease,
    };
  } catch (error) {
    lease.release();
    throw error;
  }
}

/** What has TensorFlow see just this GPU, and find CUDA's libraries, which lie beside its own. */
export function cudaEnvironment(
  { uuid }: Pick<Gpu, "uuid">,
  { folder }: Pick<InstalledLibrary, "folder">,
): Record<string, string> {
  return { CUDA_VISIBLE_DEVICES: uuid, LD_LIBRARY_PATH: folder };
}
