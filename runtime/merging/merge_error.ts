/** Weights that cannot be merged; the message names the first tensor in the way. */
export class MergeError extends Error {
  override name = "MergeError";
}
