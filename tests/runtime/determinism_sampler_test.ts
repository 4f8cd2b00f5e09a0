import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Sampler } from "../../runtime/determinism/sampler.ts";

const INDICES = Int32Array.from({ length: 10 }, (_, at) => at * 3);

function epochOf(sampler: Sampler): number[] {
  const seen: number[] = [];
  while (true) {
    const { indices, endsEpoch } = sampler.next();
    seen.push(...indices);
    if (endsEpoch) return seen;
  }
}

Deno.test("Sampler gives every index once an epoch, in another order each epoch", () => {
  const sampler = new Sampler({ indices: INDICES, batchSize: 4, seed: 1 });
  const first = epochOf(sampler);
  const second = epochOf(sampler);
  assertEquals(first.toSorted((a, b) => a - b), [...INDICES]);
  assertEquals(second.toSorted((a, b) => a - b), [...INDICES]);
  assertNotEquals(first, second);
});

Deno.test("Sampler keeps the last short batch and numbers batches within the epoch", () => {
  const sampler = new Sampler({ indices: INDICES, batchSize: 4, seed: 1 });
  assertEquals(sampler.stepsPerEpoch, 3);
  const batches = Array.from({ length: 4 }, () => sampler.next());
  assertEquals(batches.map(({ indices }) => indices.length), [4, 4, 2, 4]);
  assertEquals(batches.map(({ epoch, batch }) => [epoch, batch]), [[0, 0], [0, 1], [0, 2], [1, 0]]);
  assertEquals(batches.map(({ endsEpoch }) => endsEpoch), [false, false, true, false]);
});

Deno.test("Sampler makes one batch of all samples when the batch size is larger", () => {
  const sampler = new Sampler({ indices: INDICES, batchSize: 64, seed: 1 });
  assertEquals(sampler.stepsPerEpoch, 1);
  const { indices, endsEpoch } = sampler.next();
  assertEquals([indices.length, endsEpoch], [10, true]);
});

Deno.test("Sampler's order of an epoch depends on seed and epoch alone", () => {
  const small = new Sampler({ indices: INDICES, batchSize: 3, seed: 5 });
  const large = new Sampler({ indices: INDICES, batchSize: 7, seed: 5 });
  epochOf(small);
  large.restore({ epoch: 1, cursor: 0 });
  assertEquals(epochOf(small), epochOf(large));
});

Deno.test("capture() and restore() in the middle of an epoch give the same remainder", () => {
  const sampler = new Sampler({ indices: INDICES, batchSize: 3, seed: 5 });
  for (let step = 0; step < 6; step++) sampler.next();
  const state = sampler.capture();
  assertEquals(state, { epoch: 1, cursor: 6 });
  const restored = new Sampler({ indices: INDICES, batchSize: 3, seed: 5, state });
  for (let step = 0; step < 9; step++) assertEquals(restored.next(), sampler.next());
  sampler.restore(state);
  assertEquals(sampler.capture(), state);
});

Deno.test("capture() after an epoch's last batch stands at the next epoch's beginning", () => {
  const sampler = new Sampler({ indices: INDICES, batchSize: 5, seed: 5 });
  epochOf(sampler);
  assertEquals(sampler.capture(), { epoch: 1, cursor: 0 });
});

Deno.test("Sampler is not changed through the arrays it takes and gives", () => {
  const indices = INDICES.slice();
  const sampler = new Sampler({ indices, batchSize: 5, seed: 5 });
  indices.fill(-1);
  sampler.next().indices.fill(-1);
  epochOf(sampler);
  assertEquals(epochOf(sampler).toSorted((a, b) => a - b), [...INDICES]);
});

Deno.test("Sampler refuses no samples, bad batch sizes and positions it does not have", () => {
  const options = { indices: INDICES, batchSize: 4, seed: 1 };
  assertThrows(
    () => new Sampler({ ...options, indices: new Int32Array() }),
    RangeError,
    "no sample",
  );
  assertThrows(() => new Sampler({ ...options, batchSize: 0 }), RangeError, "0");
  const sampler = new Sampler(options);
  assertThrows(() => sampler.restore({ epoch: 0, cursor: 10 }), RangeError, "10");
  assertThrows(() => sampler.restore({ epoch: -1, cursor: 0 }), RangeError, "-1");
});
