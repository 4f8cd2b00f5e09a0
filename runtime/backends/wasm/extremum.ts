import { type BackendWasm, compose, type Kernel } from "./compose.ts";
import { isFinite } from "./finite.ts";

/**
 * Maximum and Minimum: NaN wherever an operand is NaN, as on cpu; the stock kernels take the first
 * operand where the second is NaN.
 */
export function keepBothNaN(stock: Kernel): Kernel {
  return (args) => {
    const { a, b } = args.inputs;
    const backend = args.backend as BackendWasm;
    if (isFinite(backend, b!)) return stock(args);
    return compose(backend, ({ run, scalar, adopt }) => {
      const exchanged = adopt(stock({ ...args, inputs: { a: b!, b: a! } }));
      const sum = run("Add", { a: adopt(stock(args)), b: exchanged });
      return run("Multiply", { a: sum, b: scalar(0.5) });
    });
  };
}
