import { type CApi, readCString } from "./c_api.ts";
import type { Status } from "./status.ts";

/** Fields of TensorFlow's `ConfigProto`, as a protobuf tag of a whole number. */
const INTRA_OP_PARALLELISM_THREADS = 2 << 3;
const INTER_OP_PARALLELISM_THREADS = 5 << 3;
/** A message of its own, `GPUOptions`, with a double and a truth value. */
const GPU_OPTIONS = 6 << 3 | 2;
const PER_PROCESS_GPU_MEMORY_FRACTION = 1 << 3 | 1;
const ALLOW_GROWTH = 4 << 3;

/**
 * A context that runs operations one after the other, each on `threads` threads.
 *
 * The first context of a process sets the size of the thread pool for all later ones.
 * @param gpuFraction Share of the GPU's memory that may be taken, as it is needed; null: no GPU.
 * @throws {TensorFlowError} when TensorFlow cannot make one.
 */
export function createContext(
  api: CApi,
  status: Status,
  threads: number,
  gpuFraction: number | null,
): Deno.PointerValue {
  const options = api.TFE_NewContextOptions();
  try {
    const config = sessionConfig(threads, gpuFraction);
    const length = BigInt(config.length);
    api.TFE_ContextOptionsSetConfig(options, config, length, status.pointer);
    status.check("TFE_ContextOptionsSetConfig");
    const context = api.TFE_NewContext(options, status.pointer);
    status.check("TFE_NewContext");
    return context;
  } finally {
    api.TFE_DeleteContextOptions(options);
  }
}

/** Counts the devices of one type, such as `GPU`, that operations of this context can run on. */
export function countDevices(
  api: CApi,
  status: Status,
  context: Deno.PointerValue,
  type: string,
): number {
  const devices = api.TFE_ContextListDevices(context, status.pointer);
  status.check("TFE_ContextListDevices");
  try {
    const types = Array.from({ length: api.TF_DeviceListCount(devices) }, (_, at) => {
      const text = readCString(api, api.TF_DeviceListType(devices, at, status.pointer));
      status.check("TF_DeviceListType");
      return text;
    });
    return types.filter((each) => each === type).length;
  } finally {
    api.TF_DeleteDeviceList(devices);
  }
}

/** `ConfigProto` in the wire format of protobuf. */
export function sessionConfig(
  threads: number,
  gpuFraction: number | null,
): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(
    INTRA_OP_PARALLELISM_THREADS,
    ...varint(threads),
    INTER_OP_PARALLELISM_THREADS,
    ...varint(1),
    ...(gpuFraction === null ? [] : gpuOptions(gpuFraction)),
  );
}

function gpuOptions(fraction: number): number[] {
  const double = new Uint8Array(8);
  new DataView(double.buffer).setFloat64(0, fraction, true);
  const options = [PER_PROCESS_GPU_MEMORY_FRACTION, ...double, ALLOW_GROWTH, 1];
  return [GPU_OPTIONS, ...varint(options.length), ...options];
}

/** Seven bits a byte, lowest first; all but the last have the eighth set. */
function varint(value: number): number[] {
  return value < 0x80 ? [value] : [value & 0x7f | 0x80, ...varint(value >>> 7)];
}
