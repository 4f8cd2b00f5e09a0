import type { HostTensor } from "../checkpoints/host_tensor.ts";
import { mapTensors } from "./map_tensors.ts";
import { MergeError } from "./merge_error.ts";
import type { ModelWeights } from "./parents.ts";
import { cosine } from "./vector_angle.ts";

/** Nearer to a line than this, the arc is one: its formula would divide by almost 0. */
const ALMOST_PARALLEL = 0.9995;

/**
 * Spherical interpolation of two models, tensor by tensor: with o the angle between w_1 and w_2,
 * w = (sin((1 - t) o) w_1 + sin(t o) w_2) / sin o, in float64; (1 - t) w_1 + t w_2 where the two
 * lie on one line, or one is 0.
 *
 * Shoemake, Animating rotation with quaternion curves (1985), section 3.3.
 *
 * @param parents Two models of the same architecture.
 * @param t In [0, 1].
 * @throws {MergeError} unless there are two.
 */
export function slerp(parents: readonly ModelWeights[], t: number): Map<string, HostTensor> {
  if (parents.length !== 2) {
    throw new MergeError(`slerp takes 2 parents, not ${parents.length}`);
  }
  return mapTensors(parents, (tensors) => {
    const [one, other] = tensors as [Float32Array, Float32Array];
    const [first, second] = shares(cosine(one, other), t);
    return one.map((value, at) => first * value + second * other[at]!);
  });
}

function shares(cos: number | null, t: number): [number, number] {
  if (cos === null || Math.abs(cos) > ALMOST_PARALLEL) return [1 - t, t];
  const angle = Math.acos(cos);
  return [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
}
