import type { CApi } from "./c_api.ts";
import type { Status } from "./status.ts";

/** Fields of TensorFlow's `ConfigProto`, as a protobuf tag of a whole number. */
const INTRA_OP_PARALLELISM_THREADS = 2 << 3;
const INTER_OP_PARALLELISM_THREADS = 5 << 3;

/**
 * A context that runs operations one after the other, each on `threads` threads.
 *
 * The first context of a process sets the size of the thread pool for all later ones.
 * @throws {TensorFlowError} when TensorFlow cannot make one.
 */
export function createContext(api: CApi, status: Status, threads: number): Deno.PointerValue {
  const options = api.TFE_NewContextOptions();
  try {
    const config = sessionConfig(threads);
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

/** `ConfigProto` in the wire format of protobuf. */
function sessionConfig(threads: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(
    INTRA_OP_PARALLELISM_THREADS,
    ...varint(threads),
    INTER_OP_PARALLELISM_THREADS,
    ...varint(1),
  );
}

/** Seven bits a byte, lowest first; all but the last have the eighth set. */
function varint(value: number): number[] {
  return value < 0x80 ? [value] : [value & 0x7f | 0x80, ...varint(value >>> 7)];
}
