import type { TensorInfo } from "@tensorflow/tfjs";
import type { Workspace } from "./compose.ts";

/** What a fused kernel does after its sums. */
export interface Fused {
  activation: "linear" | "relu" | "relu6" | "prelu" | "leakyrelu" | "sigmoid" | "elu";
  leakyreluAlpha?: number;
}

/** What a fused kernel may take besides its operands. */
export type FusedInputs = Partial<Record<"bias" | "preluActivationWeights", TensorInfo>>;

/** Adds the bias and applies the activation, one kernel after another. */
export function finish(
  { run }: Workspace,
  sums: TensorInfo,
  { bias, preluActivationWeights }: FusedInputs,
  { activation, leakyreluAlpha }: Fused,
): TensorInfo {
  const x = bias ? run("Add", { a: sums, b: bias }) : sums;
  switch (activation) {
    case "linear":
      return x;
    case "relu":
      return run("Relu", { x });
    case "relu6":
      return run("Relu6", { x });
    case "prelu":
      return run("Prelu", { x, alpha: preluActivationWeights! });
    case "leakyrelu":
      return run("LeakyRelu", { x }, { alpha: leakyreluAlpha });
    case "sigmoid":
      return run("Sigmoid", { x });
    case "elu":
      return run("Elu", { x });
  }
}
