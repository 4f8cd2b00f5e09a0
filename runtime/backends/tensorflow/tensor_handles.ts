import type { CApi } from "./c_api.ts";
import { layoutOf, type Values } from "./data_types.ts";
import type { Status } from "./status.ts";

/** What TensorFlow.js is told of a tensor: the id it asks with, its shape and `TF_DataType`. */
export interface TensorMetadata {
  id: number;
  shape: number[];
  dtype: number;
}

/** The tensors that live in TensorFlow, by the ids that TensorFlow.js knows them by. */
export class TensorHandles {
  readonly #api: CApi;
  readonly #status: Status;
  readonly #handles = new Map<number, bigint>();
  #nextId = 1;

  constructor(api: CApi, status: Status) {
    this.#api = api;
    this.#status = status;
  }

  /** How many are alive. */
  get count(): number {
    return this.#handles.size;
  }

  /**
   * Copies values, row-major, into a new tensor; answers its id.
   * @throws {TypeError} for a type that the backend does not compute with.
   * @throws {RangeError} when the values are not as many as the shape says.
   */
  create(shape: readonly number[], dtype: number, values: ArrayLike<number>): number {
    const { bytes, array, name } = layoutOf(dtype);
    const typed = values instanceof array ? values : array.from(values);
    const size = shape.reduce((product, length) => product * length, bytes);
    if (typed.byteLength !== size) {
      throw new RangeError(
        `a ${name} tensor of shape [${shape}] takes ${size} bytes, not ${typed.byteLength}`,
      );
    }
    const tensor = this.#api.TF_AllocateTensor(dtype, int64s(shape), shape.length, BigInt(size));
    if (tensor === null) throw new RangeError(`no memory for a tensor of ${size} bytes`);
    try {
      if (size > 0) {
        this.#api.copyIn(
          this.#api.TF_TensorData(tensor),
          typed as Uint8Array<ArrayBuffer>,
          BigInt(size),
        );
      }
      const handle = this.#api.TFE_NewTensorHandle(tensor, this.#status.pointer);
      this.#status.check("TFE_NewTensorHandle");
      return this.#keep(handle);
    } finally {
      this.#api.TF_DeleteTensor(tensor);
    }
  }

  /** Takes over a handle that an operation made. */
  adopt(handle: bigint): TensorMetadata {
    const status = this.#status.pointer;
    const rank = this.#api.TFE_TensorHandleNumDims(handle, status);
    const shape = new Array<number>(Math.max(0, rank));
    for (let axis = 0; axis < rank; axis++) {
      shape[axis] = Number(this.#api.TFE_TensorHandleDim(handle, axis, status));
    }
    const dtype = this.#api.TFE_TensorHandleDataType(handle);
    return { id: this.#keep(handle), shape, dtype };
  }

  /** @throws {RangeError} for a tensor that was deleted, or never was. */
  get(id: number): bigint {
    const handle = this.#handles.get(id);
    if (handle === undefined) throw new RangeError(`there is no tensor ${id} in TensorFlow`);
    return handle;
  }

  /** The `TF_DataType` of a tensor. @throws {RangeError} as `get`. */
  dtypeOf(id: number): number {
    return this.#api.TFE_TensorHandleDataType(this.get(id));
  }

  /** A copy of a tensor's values, row-major. */
  read(id: number): Values {
    const handle = this.get(id);
    const { view } = layoutOf(this.#api.TFE_TensorHandleDataType(handle));
    const tensor = this.#api.TFE_TensorHandleResolve(handle, this.#status.pointer);
    this.#status.check("TFE_TensorHandleResolve");
    try {
      const size = this.#api.TF_TensorByteSize(tensor);
      const buffer = new ArrayBuffer(Number(size));
      if (size > 0n) this.#api.copyOut(buffer, this.#api.TF_TensorData(tensor), size);
      // TensorFlow.js has no int64: what it reads as such it declares to be int32.
      return view(buffer) as Values;
    } finally {
      this.#api.TF_DeleteTensor(tensor);
    }
  }

  /** Frees a tensor; one that is gone already is no error. */
  delete(id: number): void {
    const handle = this.#handles.get(id);
    if (handle === undefined) return;
    this.#handles.delete(id);
    this.#api.TFE_DeleteTensorHandle(handle);
  }

  #keep(handle: bigint): number {
    const id = this.#nextId++;
    this.#handles.set(id, handle);
    return id;
  }
}

function int64s(numbers: readonly number[]): BigInt64Array<ArrayBuffer> {
  return BigInt64Array.from(numbers, BigInt);
}
