import type { TensorInfo } from "@tensorflow/tfjs";
import { type BackendWasm, compose, type Kernel } from "./compose.ts";

/**
 * Cast: to bool, true is what is not 0, as on cpu; the stock kernel keeps the lowest byte of the
 * whole part, so that 0.5 and 256 would be false.
 */
export function cast(stock: Kernel): Kernel {
  return (args) => {
    const { x } = args.inputs as { x: TensorInfo };
    const { dtype } = args.attrs as unknown as { dtype: string };
    if (dtype !== "bool" || x.dtype === "bool") return stock(args);
    return compose(
      args.backend as BackendWasm,
      ({ run, scalar }) =>
        run("NotEqual", { a: x, b: scalar(0, x.dtype === "int32" ? "int32" : "float32") }),
    );
  };
}
