import * as tf from "@tensorflow/tfjs";
import { type GpuAdapter, requestAdapter, WebGpuError } from "./adapter.ts";
import { installTrainingKernels } from "./install_training_kernels.ts";
import { Readback } from "./readback.ts";
import { TrainingBackend } from "./training_backend.ts";

const NAME = "webgpu";

/** Limits that are raised to what the adapter can; the others are enough as they are. */
const LIMITS = [
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxComputeWorkgroupSizeX",
  "maxComputeInvocationsPerWorkgroup",
] as const;

/**
 * Makes the GPU that WebGPU answers with the backend of TensorFlow.js. Starting it again only
 * selects it. Needs no permission of Deno. Importing this registers the kernels.
 *
 * @throws {WebGpuError} when there is no GPU, or it cannot be used.
 */
export async function startWebGpu(): Promise<GpuAdapter> {
  const running = tf.engine().registry[NAME];
  const backend = running instanceof TrainingBackend ? running : await createBackend();
  if (!await tf.setBackend(NAME)) throw new WebGpuError("TensorFlow.js could not start on it");
  return backend.adapter;
}

async function createBackend(): Promise<TrainingBackend> {
  const { adapter, described } = await requestAdapter();
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
  const device = await adapter.requestDevice({ requiredLimits });
  const readback = await Readback.create(device);
  const backend = new TrainingBackend(device, adapter.info, described, readback);
  // Its package registers one that cannot read values at once.
  if (tf.findBackendFactory(NAME) !== null) tf.removeBackend(NAME);
  tf.registerBackend(NAME, () => backend);
  installTrainingKernels();
  return backend;
}
