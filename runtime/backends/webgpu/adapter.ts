/** WebGPU cannot be used, or what was computed on it is lost; the message says why. */
export class WebGpuError extends Error {
  override name = "WebGpuError";
}

/** What computes behind WebGPU. */
export interface GpuAdapter {
  /** As its driver calls it: `NVIDIA L4`, `llvmpipe (LLVM 15.0.6, 256 bits)`. */
  name: string;
  /** It computes on the processor: right, but slower than wasm. */
  software: boolean;
}

/** Software that poses as a GPU, by what it calls itself; drivers do not always say that they are one. */
const SOFTWARE = /llvmpipe|lavapipe|softpipe|swiftshader|basic render|\bwarp\b/i;

/**
 * The adapter that WebGPU answers with, the fastest of several. Drivers may write to standard error
 * when they are asked.
 *
 * @throws {WebGpuError} when there is none.
 */
export async function requestAdapter(): Promise<{ adapter: GPUAdapter; described: GpuAdapter }> {
  const gpu = (navigator as { gpu?: GPU }).gpu;
  if (gpu === undefined) throw new WebGpuError("this Deno has no WebGPU");
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) throw new WebGpuError("no adapter answers: there is no GPU or no driver");
  return { adapter, described: describe(adapter.info) };
}

/** What an adapter says of itself. */
export function describe(
  info: Pick<GPUAdapterInfo, "description" | "vendor"> & { isFallbackAdapter?: boolean },
): GpuAdapter {
  const name = info.description || `a GPU of vendor ${info.vendor || "unknown"}`;
  return { name, software: info.isFallbackAdapter === true || SOFTWARE.test(name) };
}
