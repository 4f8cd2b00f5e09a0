import { fromFileUrl } from "@std/path";
import { z } from "zod";
import type { NativeBackend } from "./native_backend.ts";
import { cudaEnvironment } from "./devices.ts";
import { gpuEnvironment } from "./webgpu_adapter.ts";

const ms = z.number().nonnegative();

/** One backend: whether it can train here, how fast, or what is missing. */
export const BackendReport = z.strictObject({
  name: z.enum(["tensorflow", "webgpu", "wasm", "cpu"]),
  available: z.boolean(),
  /** Why it is chosen or left out; a fault in its own words. */
  reason: z.string(),
  /** The command that brings a backend that is not there. */
  brings: z.string().nullable(),
  determinism: z.string().nullable(),
  start_ms: ms.nullable(),
  /** Median training step of a small dense net, 32-64-10, batch 32. */
  mlp_step_ms: ms.nullable(),
  /** Median training step of a small conv net, 16x16, 8 filters, batch 32. */
  cnn_step_ms: ms.nullable(),
});
/** One backend: whether it can train here, how fast, or what is missing. */
export type BackendReport = z.infer<typeof BackendReport>;

const EXAMINE = fromFileUrl(new URL("../../runtime/backends/examine.ts", import.meta.url));
const Examination = BackendReport.pick({
  name: true,
  reason: true,
  determinism: true,
  start_ms: true,
  mlp_step_ms: true,
  cnn_step_ms: true,
});

/** Share of a GPU's memory that measuring takes: jobs may be on it. */
const GPU_FRACTION = 0.05;

/** A GPU's own driver is its maker's; this one computes on the processor, for trying things out. */
const BRINGS_GPU = "the GPU's Vulkan driver; in software: apt-get install mesa-vulkan-drivers";

/** Starts and measures each backend in a process of its own, one after another. */
export async function reportBackends(native: NativeBackend): Promise<BackendReport[]> {
  const reports: BackendReport[] = [];
  for (const name of ["tensorflow", "webgpu", "wasm", "cpu"] as const) {
    const missing = name === "tensorflow" && native.library === null;
    reports.push(
      missing
        ? unavailable(name, native.reason, "deno task tensorflow")
        : await examined(name, native),
    );
  }
  return reports;
}

async function examined(
  name: BackendReport["name"],
  { library, reason, gpus = [] }: NativeBackend,
): Promise<BackendReport> {
  const [gpu] = gpus;
  const native = {
    library: library?.path ?? null,
    reason,
    ...(gpu === undefined ? {} : { gpu: { name: gpu.name, fraction: GPU_FRACTION } }),
  };
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", EXAMINE, name, "1", JSON.stringify(native)],
    env: {
      ...gpuEnvironment(),
      ...(gpu === undefined || library === null ? {} : cudaEnvironment(gpu, library)),
    },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  if (!success) {
    const said = decoder.decode(stderr).trim().split("\n");
    const fault = said.find((line) => line.includes("rror")) ?? said.at(-1) ?? "";
    return unavailable(name, fault, name === "webgpu" ? BRINGS_GPU : null);
  }
  const line = decoder.decode(stdout).trim().split("\n").at(-1)!;
  const examination = Examination.parse(JSON.parse(line));
  // A backend that fails is replaced by another, which then says why.
  if (examination.name !== name) return unavailable(name, examination.reason, null);
  return { ...examination, available: true, brings: null };
}

function unavailable(
  name: BackendReport["name"],
  reason: string,
  brings: string | null,
): BackendReport {
  return {
    name,
    available: false,
    reason,
    brings,
    determinism: null,
    start_ms: null,
    mlp_step_ms: null,
    cnn_step_ms: null,
  };
}
