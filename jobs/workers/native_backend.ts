import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import type { LaunchRequest } from "./launcher.ts";
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
}

/**
 * Decides whether workers compute with TensorFlow's own library. Native code is not held by Deno's
 * permissions: it runs inside bubblewrap, or where the operator trusts it in so many words.
 * @param folder Where the library is looked for; undefined: it is not wanted.
 */
export async function findNativeBackend(
  folder: string | null | undefined,
  mode: SandboxMode,
  isolation: Isolation,
): Promise<NativeBackend> {
  if (folder === undefined) return { library: null, reason: "it was not looked for" };
  if (isolation.kind !== "bwrap+deno" && mode !== "trust-native") {
    const reason = `native code runs only inside bwrap (${isolation.reason}); ` +
      "ONTHEFLY_SANDBOX=trust-native lets it run without";
    return { library: null, reason };
  }
  try {
    const library = await findTensorFlow(folder);
    return { library, reason: `TensorFlow ${library.version} is in ${library.folder}` };
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
