import { AsyncLocalStorage } from "node:async_hooks";
import type { RandomStream } from "./rng.ts";

const owned = new AsyncLocalStorage<RandomStream>();

/**
 * Runs `work` with a stream of its own for `Math.random`: until its promise settles it draws from
 * no other, and nothing else draws from this one. So work that goes on beside training, such as a
 * batch prepared ahead, neither moves nor is moved by what training draws.
 */
export function withOwnStream<T>(stream: RandomStream, work: () => T): T {
  return owned.run(stream, work);
}

/** The stream of the work that is running, where {@linkcode withOwnStream} gave it one. */
export function ownStream(): RandomStream | undefined {
  return owned.getStore();
}
