import { ownStream } from "./own_stream.ts";
import type { RandomStream } from "./rng.ts";

/** The hold on a replaced `Math.random`. */
export interface SeededRandom {
  /** From now on `Math.random` draws from this stream. */
  rekey(stream: RandomStream): void;
  /** Puts the `Math.random` of before back. */
  uninstall(): void;
}

/**
 * Replaces `Math.random` by a stream, so that TensorFlow.js's initializers and dropout and a
 * module's own draws repeat. `crypto.getRandomValues` and `crypto.randomUUID` are left alone: who
 * asks for secrets must get them. Work inside `withOwnStream` draws from its own stream.
 */
export function installSeededRandom(initial: RandomStream): SeededRandom {
  const original = Math.random;
  let current = initial;
  Math.random = () => (ownStream() ?? current).next();
  return {
    rekey: (stream) => void (current = stream),
    uninstall: () => void (Math.random = original),
  };
}
