import * as tf from "@tensorflow/tfjs";
import type { ModelHandle } from "../training/model_handle.ts";
import { deviceCopy, type HostTensor, kindOf } from "./host_tensor.ts";

/** How the weights of a checkpoint fit a model that may be another one. */
export interface WeightMatch {
  /** Key in the model, and the checkpoint's weight that it takes. */
  taken: Map<string, HostTensor>;
  /** Weights of the model that begin as they are made: key and kind. */
  fresh: string[];
  /** Weights of the checkpoint that no weight of the model takes. */
  unused: string[];
}

/**
 * Matches weights by name (`kernel`, `bias`) and shape, in order: the longest sequence of both that
 * is alike, the earliest first. A layer put in between leaves those around it matched.
 */
export function matchWeights(
  handle: ModelHandle,
  weights: ReadonlyMap<string, HostTensor>,
): WeightMatch {
  const own = handle.weights.map(({ key, variable }) => ({ key, kind: kindOf(variable) }));
  const given = [...weights].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([key, tensor]) => ({ key, kind: kindOf(tensor), tensor }));
  const alike = (i: number, j: number) => signOf(own[i]!) === signOf(given[j]!);
  const longest = own.map(() => new Uint32Array(given.length + 1));
  longest.push(new Uint32Array(given.length + 1));
  for (let i = own.length - 1; i >= 0; i--) {
    for (let j = given.length - 1; j >= 0; j--) {
      longest[i]![j] = alike(i, j)
        ? longest[i + 1]![j + 1]! + 1
        : Math.max(longest[i + 1]![j]!, longest[i]![j + 1]!);
    }
  }
  const match: WeightMatch = { taken: new Map(), fresh: [], unused: [] };
  const told = ({ key, kind }: { key: string; kind: string }) => `${key} ${kind}`;
  let [i, j] = [0, 0];
  while (i < own.length && j < given.length) {
    if (alike(i, j)) match.taken.set(own[i++]!.key, given[j++]!.tensor);
    else if (longest[i + 1]![j]! >= longest[i]![j + 1]!) match.fresh.push(told(own[i++]!));
    else match.unused.push(told(given[j++]!));
  }
  match.fresh.push(...own.slice(i).map(told));
  match.unused.push(...given.slice(j).map(told));
  return match;
}

/** Gives a model the weights that were matched; the others stay as they are. */
export function assignMatched(handle: ModelHandle, { taken }: WeightMatch): void {
  for (const { key, variable } of handle.weights) {
    const tensor = taken.get(key);
    if (tensor !== undefined) tf.tidy(() => variable.assign(deviceCopy(tensor)));
  }
}

/** Name without its place, and shape. */
function signOf({ key, kind }: { key: string; kind: string }): string {
  return `${key.slice(key.indexOf("/") + 1)} ${kind}`;
}
