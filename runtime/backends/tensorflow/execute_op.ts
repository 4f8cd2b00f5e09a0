import { type CApi, cString } from "./c_api.ts";
import { type OpAttribute, setAttribute } from "./op_attributes.ts";
import type { Status } from "./status.ts";
import type { TensorHandles, TensorMetadata } from "./tensor_handles.ts";

/** Most outputs that an operation may have. */
const MOST_OUTPUTS = 256;

/** Runs operations by their names, one after the other. */
export class OpExecutor {
  readonly #api: CApi;
  readonly #status: Status;
  readonly #context: Deno.PointerValue;
  readonly #handles: TensorHandles;
  readonly #names = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #outputs = new BigUint64Array(MOST_OUTPUTS);
  readonly #outputCount = new Int32Array(1);

  constructor(api: CApi, status: Status, context: Deno.PointerValue, handles: TensorHandles) {
    this.#api = api;
    this.#status = status;
    this.#context = context;
    this.#handles = handles;
  }

  /**
   * Runs one operation to its end.
   * @param inputs Ids of tensors.
   * @param outputs How many tensors it makes.
   * @throws {TensorFlowError} that names the operation and carries TensorFlow's message.
   */
  execute(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): TensorMetadata[] {
    const api = this.#api;
    const status = this.#status;
    const op = api.TFE_NewOp(this.#context, this.#name(name), status.pointer);
    status.check(name);
    try {
      for (const attribute of attributes) {
        setAttribute(api, op, this.#name(attribute.name), attribute);
      }
      for (const input of inputs) {
        api.TFE_OpAddInput(op, this.#handles.get(input), status.pointer);
        status.check(name);
      }
      this.#outputCount[0] = outputs;
      api.TFE_Execute(op, this.#outputs, this.#outputCount, status.pointer);
      status.check(name);
    } finally {
      api.TFE_DeleteOp(op);
    }
    const made: TensorMetadata[] = [];
    for (let i = 0; i < this.#outputCount[0]; i++) {
      made.push(this.#handles.adopt(this.#outputs[i]!));
    }
    return made;
  }

  /** The name as C reads it, made once. */
  #name(name: string): Uint8Array<ArrayBuffer> {
    let bytes = this.#names.get(name);
    if (bytes === undefined) this.#names.set(name, bytes = cString(name));
    return bytes;
  }
}
