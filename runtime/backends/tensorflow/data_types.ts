/** `TF_DataType`: the kinds of numbers that training meets. */
export const DATA_TYPES = {
  TF_FLOAT: 1,
  TF_UINT8: 4,
  TF_INT32: 3,
  TF_STRING: 7,
  TF_COMPLEX64: 8,
  TF_INT64: 9,
  TF_BOOL: 10,
  TF_RESOURCE: 20,
} as const;

/** Values as TensorFlow.js holds them. int64 goes in as pairs of int32 and comes out as bigints. */
export type Values = Float32Array | Int32Array | Uint8Array;

interface Layout {
  name: string;
  /** Bytes of an element. */
  bytes: number;
  /** The array that TensorFlow.js expects. */
  view(buffer: ArrayBuffer): Values | BigInt64Array;
  /** What may be given: an array of this kind is passed as it is, others are converted. */
  array: Float32ArrayConstructor | Int32ArrayConstructor | Uint8ArrayConstructor;
}

const LAYOUTS = new Map<number, Layout>([
  [DATA_TYPES.TF_FLOAT, float32("float32", 4)],
  [DATA_TYPES.TF_COMPLEX64, float32("complex64", 8)],
  [DATA_TYPES.TF_INT32, {
    name: "int32",
    bytes: 4,
    view: (buffer) => new Int32Array(buffer),
    array: Int32Array,
  }],
  [DATA_TYPES.TF_INT64, {
    name: "int64",
    bytes: 8,
    view: (buffer) => new BigInt64Array(buffer),
    array: Int32Array,
  }],
  [DATA_TYPES.TF_BOOL, uint8("bool")],
  [DATA_TYPES.TF_UINT8, uint8("uint8")],
]);

function float32(name: string, bytes: number): Layout {
  return { name, bytes, view: (buffer) => new Float32Array(buffer), array: Float32Array };
}

function uint8(name: string): Layout {
  return { name, bytes: 1, view: (buffer) => new Uint8Array(buffer), array: Uint8Array };
}

/**
 * How elements of this type lie in memory.
 * @throws {TypeError} for strings and resources, which the backend does not compute with.
 */
export function layoutOf(dtype: number): Layout {
  const layout = LAYOUTS.get(dtype);
  if (layout !== undefined) return layout;
  const name = Object.entries(DATA_TYPES).find(([, value]) => value === dtype)?.[0] ??
    `type ${dtype}`;
  throw new TypeError(`the tensorflow backend does not compute with tensors of ${name}`);
}
