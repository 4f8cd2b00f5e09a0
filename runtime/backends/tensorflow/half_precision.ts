import { DATA_TYPES } from "./data_types.ts";
import type { OpExecutor } from "./execute_op.ts";
import { ATTRIBUTE_TYPES, type OpAttribute } from "./op_attributes.ts";
import type { TensorHandles, TensorMetadata } from "./tensor_handles.ts";

/** `TF_DataType` of float16, which TensorFlow.js has no name for: it never leaves this file. */
const TF_HALF = 19;
const { TF_FLOAT } = DATA_TYPES;
const { TF_ATTR_TYPE, TF_ATTR_BOOL } = ATTRIBUTE_TYPES;

/** What mixed precision computes in float16: where nearly all the arithmetic of a model is. */
const HALF_OPS: ReadonlySet<string> = new Set([
  "MatMul",
  "BatchMatMul",
  "BatchMatMulV2",
  "Einsum",
  "Conv2D",
  "Conv2DBackpropInput",
  "Conv2DBackpropFilter",
  "DepthwiseConv2dNative",
  "DepthwiseConv2dNativeBackpropInput",
  "DepthwiseConv2dNativeBackpropFilter",
  "Conv3D",
  "Conv3DBackpropInputV2",
  "Conv3DBackpropFilterV2",
]);

/**
 * Runs operations, products and convolutions in float16 while it is told to: their operands are
 * rounded to it and their results come back as float32. Past 65,504 these are infinite.
 */
export class MixedPrecisionExecutor {
  /** Whether it computes in float16. */
  half = false;

  constructor(
    private readonly executor: Pick<OpExecutor, "execute">,
    private readonly handles: TensorHandles,
  ) {}

  /** As {@linkcode OpExecutor.execute}. */
  execute(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): TensorMetadata[] {
    const at = this.half && HALF_OPS.has(name)
      ? attributes.findIndex(({ name, value }) => name === "T" && value === TF_FLOAT)
      : -1;
    if (at === -1) return this.executor.execute(name, attributes, inputs, outputs);
    const temporary: number[] = [];
    try {
      const halves = inputs.map((id) => {
        // Shapes are among the inputs; they stay whole numbers.
        if (this.handles.dtypeOf(id) !== TF_FLOAT) return id;
        const half = this.#cast(id, TF_FLOAT, TF_HALF).id;
        temporary.push(half);
        return half;
      });
      const inHalf = attributes.with(at, { ...attributes[at]!, value: TF_HALF });
      const made = this.executor.execute(name, inHalf, halves, outputs);
      temporary.push(...made.map(({ id }) => id));
      return made.map(({ id }) => this.#cast(id, TF_HALF, TF_FLOAT));
    } finally {
      for (const id of temporary) this.handles.delete(id);
    }
  }

  #cast(id: number, from: number, to: number): TensorMetadata {
    return this.executor.execute(
      "Cast",
      [
        { name: "SrcT", type: TF_ATTR_TYPE, value: from },
        { name: "DstT", type: TF_ATTR_TYPE, value: to },
        { name: "Truncate", type: TF_ATTR_BOOL, value: false },
      ],
      [id],
      1,
    )[0]!;
  }
}
