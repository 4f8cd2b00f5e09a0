import { globToRegExp } from "@std/path";
import type { HostTensor } from "../checkpoints/host_tensor.ts";
import { MergeError } from "./merge_error.ts";
import type { ModelWeights } from "./parents.ts";
import { weighted } from "./weighted.ts";

/**
 * Adapter fusion: the weighted mean of the parents in the named weights, the ancestor's own values
 * in all others.
 *
 * The composition of separately trained parts of Pfeiffer et al., AdapterFusion: Non-Destructive
 * Task Composition for Transfer Learning (2021), with a mean in place of learned attention.
 *
 * @param parents Weights of the same architecture.
 * @param ancestor What every parent began from.
 * @param params.layers Glob patterns; a weight is named by its key, `0002/kernel`, or by its layer,
 * `head/kernel`.
 * @param names Key of a weight to its layer's name for it.
 * @throws {MergeError} for a pattern that names no weight.
 */
export function adapter(
  parents: readonly ModelWeights[],
  ancestor: ModelWeights,
  { layers, weights }: { layers: readonly string[]; weights?: number[] | undefined },
  names: ReadonlyMap<string, string>,
): Map<string, HostTensor> {
  const merged = weighted(parents, weights ?? parents.map(() => 1));
  const named = new Set(
    layers.flatMap((pattern) => weightsNamed(pattern, [...merged.keys()], names)),
  );
  return new Map([...merged].map(([key, tensor]) => {
    if (named.has(key)) return [key, tensor];
    return [key, { ...tensor, values: ancestor.get(key)!.values.slice() }];
  }));
}

function weightsNamed(
  pattern: string,
  keys: readonly string[],
  names: ReadonlyMap<string, string>,
): string[] {
  const glob: RegExp = globToRegExp(pattern, { globstar: false });
  const found = keys.filter((key) => glob.test(key) || glob.test(names.get(key) ?? ""));
  if (found.length > 0) return found;
  const known = keys.map((key) => names.has(key) ? `${key} (${names.get(key)})` : key);
  throw new MergeError(`params.layers: ${pattern} names no weight; there are ${known.join(", ")}`);
}
