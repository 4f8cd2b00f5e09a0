/** What a stream of random numbers is for. Streams of different purposes never meet. */
export type Purpose =
  | "init"
  | "data"
  | "shuffle"
  | "step"
  | "evaluate"
  | "command"
  | "split"
  | "selection"
  | "setup"
  | "sample"
  | "merge";

/** Raised when the same seed begins to draw other numbers; checkpoints hold it. */
export const NUMERICS_VERSION = 1;

/** The number that a purpose is hashed as. Never renumber: checkpoints rely on it. */
const PURPOSE_KEYS: Record<Purpose, number> = {
  init: 1,
  data: 2,
  shuffle: 3,
  step: 4,
  evaluate: 5,
  command: 6,
  split: 7,
  selection: 8,
  setup: 9,
  sample: 10,
  merge: 11,
};

/** State of a {@linkcode RandomStream}: four 32-bit words. */
export type RandomState = readonly [number, number, number, number];

/**
 * Random numbers by xoshiro128** 1.1: 128 bits of state, period 2^128 - 1.
 * Source: D. Blackman and S. Vigna, "Scrambled linear pseudorandom number generators" (2021),
 * https://prng.di.unimi.it/xoshiro128starstar.c.
 */
export class RandomStream {
  #s0: number;
  #s1: number;
  #s2: number;
  #s3: number;

  /** @param state Four 32-bit words, not all zero. */
  constructor(state: RandomState) {
    [this.#s0, this.#s1, this.#s2, this.#s3] = state;
    // The all-zero state is the generator's only fixed point.
    if ((this.#s0 | this.#s1 | this.#s2 | this.#s3) === 0) this.#s0 = 1;
  }

  /** Where it stands: another stream made of this goes on as this one does. */
  get state(): RandomState {
    return [this.#s0, this.#s1, this.#s2, this.#s3];
  }

  /** Uniform in [0, 1), 53 bits. */
  next(): number {
    const high = this.#nextWord() >>> 5;
    const low = this.#nextWord() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /**
   * Uniform integer in [0, n), without bias.
   *
   * @throws {RangeError} unless n is an integer in 1..2^32.
   */
  nextInt(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) {
      throw new RangeError(`nextInt(n) takes an integer from 1 to 2^32, got ${n}`);
    }
    const fair = 2 ** 32 - 2 ** 32 % n;
    let word = this.#nextWord();
    while (word >= fair) word = this.#nextWord();
    return word % n;
  }

  /** Shuffles in place (Fisher-Yates, as Durstenfeld gave it). */
  shuffle(values: Int32Array): void {
    for (let last = values.length - 1; last > 0; last--) {
      const other = this.nextInt(last + 1);
      const held = values[last]!;
      values[last] = values[other]!;
      values[other] = held;
    }
  }

  #nextWord(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#s1, 5), 7), 9) >>> 0;
    const shifted = this.#s1 << 9;
    this.#s2 ^= this.#s0;
    this.#s3 ^= this.#s1;
    this.#s1 ^= this.#s2;
    this.#s0 ^= this.#s3;
    this.#s2 ^= shifted;
    this.#s3 = rotateLeft(this.#s3, 11);
    return result;
  }
}

/**
 * The stream of (seed, purpose, keys): the same in every process, whatever was drawn before it.
 *
 * @param keys Integers, beyond 32 bits too; as many as tell the streams apart.
 * @throws {RangeError} for a seed or a key that is no safe integer.
 */
export function keyedStream(seed: number, purpose: Purpose, ...keys: number[]): RandomStream {
  const words: number[] = [];
  for (const key of [seed, PURPOSE_KEYS[purpose], ...keys]) {
    if (!Number.isSafeInteger(key)) {
      throw new RangeError(`a random stream is keyed by safe integers, got ${key}`);
    }
    words.push(key >>> 0, Math.floor(key / 2 ** 32) >>> 0);
  }
  return new RandomStream(murmur128(words));
}

/**
 * MurmurHash3_x86_128 of 32-bit words, seed 0.
 * Source: A. Appleby, https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp.
 */
function murmur128(words: readonly number[]): [number, number, number, number] {
  let h1 = 0, h2 = 0, h3 = 0, h4 = 0;
  for (let at = 0; at < words.length; at += 4) {
    const k1 = scramble(words[at]!, 0x239b961b, 15, 0xab0e9789);
    const k2 = scramble(words[at + 1] ?? 0, 0xab0e9789, 16, 0x38b34ae5);
    const k3 = scramble(words[at + 2] ?? 0, 0x38b34ae5, 17, 0xa1e38b93);
    const k4 = scramble(words[at + 3] ?? 0, 0xa1e38b93, 18, 0x239b961b);
    if (at + 4 > words.length) {
      h1 ^= k1, h2 ^= k2, h3 ^= k3, h4 ^= k4;
      break;
    }
    h1 = (Math.imul(rotateLeft(h1 ^ k1, 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 = (Math.imul(rotateLeft(h2 ^ k2, 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 = (Math.imul(rotateLeft(h3 ^ k3, 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 = (Math.imul(rotateLeft(h4 ^ k4, 13) + h1, 5) + 0x32ac3b17) | 0;
  }
  const bytes = words.length * 4;
  h1 ^= bytes, h2 ^= bytes, h3 ^= bytes, h4 ^= bytes;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0, h3 = (h3 + h1) | 0, h4 = (h4 + h1) | 0;
  h1 = finish(h1), h2 = finish(h2), h3 = finish(h3), h4 = finish(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0, h3 = (h3 + h1) | 0, h4 = (h4 + h1) | 0;
  return [h1, h2, h3, h4];
}

function scramble(word: number, first: number, turn: number, second: number): number {
  return Math.imul(rotateLeft(Math.imul(word, first), turn), second);
}

function finish(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return word ^ (word >>> 16);
}

function rotateLeft(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
