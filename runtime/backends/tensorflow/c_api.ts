/** The part of TensorFlow's C API that eager training needs, and the library that has it. */

/** A `TFE_TensorHandle*` as a number: `TFE_Execute` writes them to memory, not to results. */
type Handle = "u64";
const HANDLE: Handle = "u64";

/**
 * Symbols by name. The last five are the C library's, found through the libraries that TensorFlow
 * itself needs: with them no pointer is made or followed by Deno, whose permission for that would be
 * one to all memory.
 */
const SYMBOLS = {
  TF_Version: { parameters: [], result: "pointer" },
  TF_NewStatus: { parameters: [], result: "pointer" },
  TF_GetCode: { parameters: ["pointer"], result: "i32" },
  TF_Message: { parameters: ["pointer"], result: "pointer" },
  TF_AllocateTensor: { parameters: ["i32", "buffer", "i32", "usize"], result: "pointer" },
  TF_TensorData: { parameters: ["pointer"], result: "pointer" },
  TF_TensorByteSize: { parameters: ["pointer"], result: "usize" },
  TF_DeleteTensor: { parameters: ["pointer"], result: "void" },
  TFE_NewContextOptions: { parameters: [], result: "pointer" },
  TFE_ContextOptionsSetConfig: {
    parameters: ["pointer", "buffer", "usize", "pointer"],
    result: "void",
  },
  TFE_DeleteContextOptions: { parameters: ["pointer"], result: "void" },
  TFE_NewContext: { parameters: ["pointer", "pointer"], result: "pointer" },
  TFE_ContextListDevices: { parameters: ["pointer", "pointer"], result: "pointer" },
  TF_DeviceListCount: { parameters: ["pointer"], result: "i32" },
  TF_DeviceListType: { parameters: ["pointer", "i32", "pointer"], result: "pointer" },
  TF_DeleteDeviceList: { parameters: ["pointer"], result: "void" },
  TFE_NewTensorHandle: { parameters: ["pointer", "pointer"], result: HANDLE },
  TFE_DeleteTensorHandle: { parameters: [HANDLE], result: "void" },
  TFE_TensorHandleResolve: { parameters: [HANDLE, "pointer"], result: "pointer" },
  TFE_TensorHandleDataType: { parameters: [HANDLE], result: "i32" },
  TFE_TensorHandleNumDims: { parameters: [HANDLE, "pointer"], result: "i32" },
  TFE_TensorHandleDim: { parameters: [HANDLE, "i32", "pointer"], result: "i64" },
  TFE_NewOp: { parameters: ["pointer", "buffer", "pointer"], result: "pointer" },
  TFE_DeleteOp: { parameters: ["pointer"], result: "void" },
  TFE_OpAddInput: { parameters: ["pointer", HANDLE, "pointer"], result: "void" },
  TFE_OpSetAttrString: { parameters: ["pointer", "buffer", "buffer", "usize"], result: "void" },
  TFE_OpSetAttrInt: { parameters: ["pointer", "buffer", "i64"], result: "void" },
  TFE_OpSetAttrIntList: { parameters: ["pointer", "buffer", "buffer", "i32"], result: "void" },
  TFE_OpSetAttrFloat: { parameters: ["pointer", "buffer", "f32"], result: "void" },
  TFE_OpSetAttrBool: { parameters: ["pointer", "buffer", "u8"], result: "void" },
  TFE_OpSetAttrType: { parameters: ["pointer", "buffer", "i32"], result: "void" },
  TFE_Execute: { parameters: ["pointer", "buffer", "buffer", "pointer"], result: "void" },
  strlen: { parameters: ["pointer"], result: "usize" },
  copyOut: { name: "memcpy", parameters: ["buffer", "pointer", "usize"], result: "pointer" },
  copyIn: { name: "memcpy", parameters: ["pointer", "buffer", "usize"], result: "pointer" },
  dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** TensorFlow's functions. */
export type CApi = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** A library that is not there, or is not TensorFlow's. */
export class TensorFlowLibraryError extends Error {
  override name = "TensorFlowLibraryError";
}

/** `RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE` of Linux. */
const PIN_FLAGS = 0x2 | 0x4 | 0x1000;

/**
 * Opens a TensorFlow library and keeps it open until the process ends: its threads do not survive
 * that it is unloaded. Needs the permission `ffi` for just this file.
 *
 * @param path `libtensorflow_cc.so.2` or `libtensorflow.so.2`; what it needs lies beside it.
 * @throws {TensorFlowLibraryError} when it cannot be loaded, or has no eager C API.
 */
export function openLibrary(path: string): CApi {
  try {
    const { symbols } = Deno.dlopen(path, SYMBOLS);
    symbols.dlopen(cString(path), PIN_FLAGS);
    return symbols;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    const fault = cause instanceof Error ? cause.message : String(cause);
    const missing = /symbol/i.test(fault);
    throw new TensorFlowLibraryError(
      missing
        ? `${path} has no eager C API of TensorFlow: ${fault}`
        : `${path} cannot be loaded: ${fault}`,
      { cause },
    );
  }
}

/** The version of TensorFlow, such as `2.21.0`. */
export function libraryVersion(api: CApi): string {
  return readCString(api, api.TF_Version());
}

/** The text that a C string holds. */
export function readCString(api: CApi, text: Deno.PointerValue): string {
  const length = api.strlen(text);
  const bytes = new Uint8Array(Number(length));
  if (length > 0n) api.copyOut(bytes, text, length);
  return new TextDecoder().decode(bytes);
}

/** The text as C reads it: UTF-8, ended by a zero. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
