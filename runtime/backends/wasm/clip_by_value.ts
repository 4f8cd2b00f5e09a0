import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, compose, type Kernel } from "./compose.ts";
import { isFinite } from "./finite.ts";

/** ClipByValue: NaN stays NaN, as on cpu; the stock kernel makes it the lower bound. */
export function clipByValue(stock: Kernel): Kernel {
  return unlessFinite(stock, (backend, x, { attrs }) => {
    const { clipValueMin, clipValueMax } = attrs as unknown as Record<
      "clipValueMin" | "clipValueMax",
      number
    >;
    return clip(backend, x, clipValueMin, clipValueMax);
  });
}

/** Relu: NaN stays NaN, as on cpu; the stock kernel makes a NaN whose sign is set 0. */
export function relu(stock: Kernel): Kernel {
  return unlessFinite(stock, (backend, x) => clip(backend, x, 0));
}

/** Relu6: NaN stays NaN, as on cpu; the stock kernel makes it 0. */
export function relu6(stock: Kernel): Kernel {
  return unlessFinite(stock, (backend, x) => clip(backend, x, 0, 6));
}

function unlessFinite(
  stock: Kernel,
  careful: (backend: BackendWasm, x: TensorInfo, args: Parameters<Kernel>[0]) => TensorInfo,
): Kernel {
  return (args) => {
    const { x } = args.inputs as { x: TensorInfo };
    const backend = args.backend as BackendWasm;
    return isFinite(backend, x) ? stock(args) : careful(backend, x, args);
  };
}

function clip(
  backend: BackendWasm,
  x: TensorInfo,
  least: number,
  greatest?: number,
): TensorInfo {
  return compose(backend, ({ run, scalar }) => {
    // The stock maximum and minimum keep a NaN in their first operand.
    const raised = run("Maximum", { a: x, b: scalar(least) });
    return greatest === undefined ? raised : run("Minimum", { a: raised, b: scalar(greatest) });
  });
}
