import { fromFileUrl } from "@std/path";
import { z } from "zod";
import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import { gpuDevices } from "./gpu_devices.ts";
import type { NativeBackend } from "./native_backend.ts";
import { bwrapArguments, type Isolation, type SandboxMode } from "./sandbox.ts";

/** The GPU that jobs compute on through WebGPU, or why there is none. */
export interface WebGpuAccess {
  /** As its driver calls it. */
  adapter: string | null;
  reason: string;
  /** It answers inside bubblewrap too, with these device nodes bound. */
  sandboxed: boolean;
  devices: readonly string[];
}

/** By which an operator says which driver it is to be. */
const DRIVER_NAMES = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "DENO_WEBGPU_BACKEND"] as const;

/**
 * What drivers want of their environment: what the operator says, and a runtime folder, without
 * which Mesa complains.
 * @param env Reads a variable of the environment.
 */
export function gpuEnvironment(
  env: (name: string) => string | undefined = (name) => Deno.env.get(name),
): Record<string, string> {
  const given = DRIVER_NAMES.flatMap((name) => {
    const value = env(name);
    return value === undefined ? [] : [[name, value]];
  });
  return { XDG_RUNTIME_DIR: "/tmp", ...Object.fromEntries(given) };
}

const Answer = z.union([
  z.strictObject({ name: z.string(), software: z.boolean() }),
  z.strictObject({ error: z.string() }),
]);
type Answer = z.infer<typeof Answer>;

const WEBGPU = fromFileUrl(new URL("../../runtime/backends/webgpu", import.meta.url));
const ASK_MS = 45_000;

/**
 * Finds the GPU that workers may compute on: inside bubblewrap if it answers there, else in Deno's
 * own sandbox, which keeps code away from the driver but for what WebGPU allows. `auto` takes no
 * software for a GPU, and asks no driver where there is no device.
 */
export async function findWebGpu(
  wanted: LaunchContext["backend"],
  mode: SandboxMode,
  isolation: Isolation,
  devices: readonly string[] | null = gpuDevices(),
): Promise<WebGpuAccess> {
  const none = (reason: string): WebGpuAccess => ({
    adapter: null,
    reason,
    sandboxed: false,
    devices: [],
  });
  if (wanted !== "auto" && wanted !== "webgpu") return none("it was not looked for");
  if (wanted === "auto" && devices?.length === 0) return none("there is no GPU");
  const faults: string[] = [];
  for (const sandboxed of isolation.kind === "bwrap+deno" ? [true, false] : [false]) {
    if (!sandboxed && mode === "require") continue;
    const answer = await ask(sandboxed, devices ?? []);
    const where = sandboxed ? "inside bwrap" : "in Deno's own sandbox";
    const fault = faultOf(answer, wanted);
    if (fault === null && "name" in answer) {
      const reason = [`${answer.name} answers ${where}`, ...faults].join("; ");
      return { adapter: answer.name, reason, sandboxed, devices: devices ?? [] };
    }
    faults.push(`${where}: ${fault}`);
  }
  return none(faults.join("; "));
}

/** Whether this attempt may compute on the GPU: tensorflow comes first where it is there. */
export function webGpuFor(
  { backend }: Pick<LaunchContext, "backend">,
  native: NativeBackend,
  access: WebGpuAccess,
): WebGpuAccess | null {
  if (access.adapter === null) return null;
  return backend === "webgpu" || (backend === "auto" && native.library === null) ? access : null;
}

function faultOf(answer: Answer, wanted: LaunchContext["backend"]): string | null {
  if ("error" in answer) return answer.error;
  if (wanted === "webgpu" || !answer.software) return null;
  return `only software answers, ${answer.name}; ONTHEFLY_BACKEND=webgpu takes it`;
}

/** Asks in a process of its own. */
async function ask(sandboxed: boolean, devices: readonly string[]): Promise<Answer> {
  const deno = Deno.execPath();
  const scratch = await Deno.makeTempDir();
  try {
    const run = [deno, "run", "--no-prompt", "--no-config", "--no-lock", "--quiet"];
    const view = {
      readable: [deno, WEBGPU],
      writable: [scratch],
      scratch: [],
      devices,
      env: { ...gpuEnvironment(), DENO_DIR: scratch },
      workingDir: scratch,
    };
    const [program, ...args] = [
      ...(sandboxed ? ["bwrap", ...bwrapArguments(view)] : []),
      ...run,
      `${WEBGPU}/ask.ts`,
    ];
    const { code, stdout, stderr } = await new Deno.Command(program!, {
      args,
      env: sandboxed ? { PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin" } : view.env,
      clearEnv: true,
      stdin: "null",
      signal: AbortSignal.timeout(ASK_MS),
    }).output();
    const text = new TextDecoder();
    const line = text.decode(stdout).trim().split("\n").at(-1)!;
    if (line.startsWith("{")) return Answer.parse(JSON.parse(line));
    const said = text.decode(stderr).trim().split("\n").at(-1) || `it exited with ${code}`;
    return { error: `the driver fails: ${said}` };
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}
