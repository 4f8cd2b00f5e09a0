import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import type { LaunchRequest } from "./launcher.ts";
import { type Gpu, readGpus } from "./nvidia_smi.ts";
import type { Isolation, SandboxMode } from "./sandbox.ts";
import {
  findTensorFlow,
  type InstalledLibrary,
  TensorFlowMissingError,
} from "./tensorflow_library.ts";

/** The native code that workers may run, or why they may not. */
export interface NativeBackend {
  library: InstalledLibrary | null;
  reason: string;
  /** GPUs that the library computes on; absent: it computes on the processor. */
  gpus?: readonly Gpu[];
}

/**
 * Decides whether workers compute with TensorFlow's own library. Native code is not held by Deno's
 * permissions: it runs inside bubblewrap, or where the operator trusts it in so many words.
 * A library for GPUs is none where there is no GPU: nobody gets the processor who expects one.
 * @param folder Where the library is looked for; undefined: it is not wanted.
 */
export async function findNativeBackend(
  folder: string | null | undefined,
  mode: SandboxMode,
  isolation: Isolation,
  gpusHere: () => Promise<Gpu[]> = readGpus,
): Promise<NativeBackend> {
  if (folder === undefined) return { library: null, reason: "it was not looked for" };
  if (isolation.kind !== "bwrap+deno" && mode !== "trust-native") {
    const reason = `native code runs only inside bwrap (${isolation.reason}); ` +
      "ONTHEFLY_SANDBOX=trust-native lets it run without";
    return { library: null, reason };
  }
  try {
    const library = await findTensorFlow(folder);
    const reason = `TensorFlow ${library.version} is in ${library.folder}`;
    if (!library.gpu) return { library, reason };
    const gpus = await gpusHere();
    if (gpus.length > 0) return { library, reason, gpus };
    return { library: null, reason: `${reason} for NVIDIA's GPUs, and nvidia-smi lists none` };
  } catch (error) {
    if (!(error instanceof TensorFlowMissingError)) throw error;
    return { library: null, reason: error.message };
  }
}

/**
 * The native code of this attempt: none for one that is to compute on wasm or cpu, nor for one that
 * may reach a host, since native code that shares the network would reach them all.
 */
export function nativeFor(
  { context: { backend }, permissions }: {
    context: Pick<LaunchContext, "backend">;
    permissions?: LaunchRequest["permissions"];
  },
  native: NativeBackend,
): NativeBackend {
  if (backend !== "auto" && backend !== "tensorflow") return { ...native, library: null };
  if (native.library === null || !permissions?.net.length) return native;
  return { library: null, reason: "a job that may reach a host runs no native code" };
}
