import { assertEquals, assertThrows } from "@std/assert";
import { keyedStream, RandomStream } from "../../runtime/determinism/rng.ts";

function words(stream: RandomStream, count: number): number[] {
  return Array.from({ length: count }, () => stream.nextInt(2 ** 32));
}

Deno.test("RandomStream draws what xoshiro128** draws from state 1, 2, 3, 4", () => {
  const stream = new RandomStream([1, 2, 3, 4]);
  assertEquals(words(stream, 6), [11520, 0, 5927040, 70819200, 2031721883, 1637235492]);
});

// Expected values: xoshiro128** in Python, seeded by the mmh3 package's 128-bit hash of the words.
Deno.test("keyedStream() draws the pinned numbers of numerics version 1", () => {
  assertEquals(words(keyedStream(42, "shuffle", 3), 4), [
    3117608052,
    984704335,
    2277031353,
    2563036366,
  ]);
  assertEquals(words(keyedStream(0, "init"), 4), [4159574530, 3822057367, 309866910, 2763468129]);
});

Deno.test("keyedStream() uses all bits of a key beyond 32", () => {
  const stream = keyedStream(42, "step", 2 ** 40 + 7);
  assertEquals([stream.next(), stream.next()], [0.838753947091921, 0.8451632287987715]);
});

Deno.test("keyedStream() gives unrelated streams for any difference in seed, purpose or keys", () => {
  const streams = [
    keyedStream(1, "step", 2),
    keyedStream(2, "step", 2),
    keyedStream(1, "data", 2),
    keyedStream(1, "step", 3),
    keyedStream(1, "step", 2, 0),
    keyedStream(1, "step", 2 + 2 ** 32),
    keyedStream(1, "step"),
    keyedStream(1, "step", -2),
  ];
  const drawn = streams.flatMap((stream) => words(stream, 50));
  assertEquals(new Set(drawn).size, drawn.length);
});

Deno.test("keyedStream() is the same however much another stream has drawn", () => {
  const first = keyedStream(7, "shuffle", 1);
  words(first, 100);
  assertEquals(words(keyedStream(7, "shuffle", 1), 3), words(keyedStream(7, "shuffle", 1), 3));
});

Deno.test("keyedStream() refuses keys that are no safe integers", () => {
  assertThrows(() => keyedStream(0.5, "init"), RangeError, "0.5");
  assertThrows(() => keyedStream(1, "init", NaN), RangeError, "NaN");
  assertThrows(() => keyedStream(1, "init", 2 ** 60), RangeError);
});

Deno.test("next() is uniform in [0, 1) with bits below 2^-32", () => {
  const stream = keyedStream(3, "data");
  const draws = Array.from({ length: 20_000 }, () => stream.next());
  const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
  assertEquals(draws.every((draw) => draw >= 0 && draw < 1), true);
  assertEquals(Math.abs(mean - 0.5) < 0.01, true);
  assertEquals(draws.some((draw) => !Number.isInteger(draw * 2 ** 32)), true);
});

Deno.test("nextInt() covers its range evenly and refuses another", () => {
  const stream = keyedStream(5, "selection");
  const counts = [0, 0, 0];
  for (let draw = 0; draw < 9_000; draw++) counts[stream.nextInt(3)]!++;
  assertEquals(counts.every((count) => Math.abs(count - 3_000) < 250), true);
  for (const n of [0, -1, 1.5, NaN, 2 ** 33]) assertThrows(() => stream.nextInt(n), RangeError);
});

Deno.test("shuffle() keeps every value and moves them", () => {
  const values = Int32Array.from({ length: 1_000 }, (_, at) => at);
  keyedStream(9, "shuffle").shuffle(values);
  assertEquals(values.some((value, at) => value !== at), true);
  assertEquals(values.toSorted(), Int32Array.from({ length: 1_000 }, (_, at) => at));
});
