import type { LaunchContext } from "../../runtime/protocol/commands.ts";
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

/** The library that this attempt may load: none for one that is to compute on wasm or cpu. */
export function libraryFor(
  { backend }: Pick<LaunchContext, "backend">,
  { library }: NativeBackend,
): InstalledLibrary | null {
  return backend === "auto" || backend === "tensorflow" ? library : null;
}
