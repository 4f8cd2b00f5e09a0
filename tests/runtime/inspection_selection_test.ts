import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  needsLosses,
  resolveSelection,
  SelectionError,
} from "../../runtime/inspection/selection.ts";

const LOSSES = new Float32Array([0.5, NaN, 0.1, Infinity, 0.5, -Infinity, 0.3, NaN]);
const COUNT = LOSSES.length;
/** Positions from the smallest loss to the largest: ties by index, NaN last. */
const RANKING = [5, 2, 6, 0, 4, 3, 1, 7];

function ascending(positions: readonly number[]): Int32Array {
  return Int32Array.from(positions).sort();
}

/** A loss for each of `count` samples, many of them alike, some NaN. */
function lossesOf(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => i % 11 === 3 ? NaN : (i * 7919) % 13);
}

Deno.test("resolveSelection(all) is every position", () => {
  assertEquals(resolveSelection({ kind: "all" }, null, 3), new Int32Array([0, 1, 2]));
});

Deno.test("resolveSelection(indices) sorts them", () => {
  const selection = { kind: "indices" as const, indices: [7, 0, 3] };
  assertEquals(resolveSelection(selection, null, 8), new Int32Array([0, 3, 7]));
  assertEquals(selection.indices, [7, 0, 3]);
});

Deno.test("resolveSelection(quantile) ranks by (loss, index) with NaN last", () => {
  for (let from = 0; from < COUNT; from++) {
    for (let to = from + 1; to <= COUNT; to++) {
      assertEquals(
        resolveSelection({ kind: "quantile", from: from / COUNT, to: to / COUNT }, LOSSES, COUNT),
        ascending(RANKING.slice(from, to)),
      );
    }
  }
});

Deno.test("resolveSelection(hardest) takes the end of the same ranking", () => {
  for (let n = 1; n <= COUNT; n++) {
    assertEquals(
      resolveSelection({ kind: "hardest", n }, LOSSES, COUNT),
      ascending(RANKING.slice(COUNT - n)),
    );
  }
});

Deno.test("resolveSelection(quantile) of shares that meet leaves no sample out, takes none twice", () => {
  const cuts = [0, 0.1, 1 / 3, 0.45, 0.5, 0.8, 0.85, 1];
  for (const count of [1, 2, 3, 7, 10, 64, 101, 1437]) {
    const losses = lossesOf(count);
    const seen = new Int32Array(count);
    for (let i = 0; i + 1 < cuts.length; i++) {
      const [from, to] = [cuts[i]!, cuts[i + 1]!];
      if (Math.round(from * count) === Math.round(to * count)) continue;
      const picked = resolveSelection({ kind: "quantile", from, to }, losses, count);
      assertEquals(picked, picked.slice().sort());
      for (const position of picked) seen[position]!++;
    }
    assert(seen.every((times) => times === 1), `${count} samples`);
  }
});

Deno.test("resolveSelection() refuses what picks nothing or is not there", () => {
  const cases: [Parameters<typeof resolveSelection>[0], number, string][] = [
    [{ kind: "all" }, 0, "picks none of 0 training samples"],
    [{ kind: "quantile", from: 0.5, to: 0.5001 }, 8, "picks none of 8 training samples"],
    [{ kind: "indices", indices: [] }, 8, "picks none of 8"],
    [{ kind: "indices", indices: [0, 8] }, 8, "index 8 is out of range: there are 8 samples"],
    [{ kind: "indices", indices: [-1] }, 8, "index -1 is out of range"],
    [{ kind: "indices", indices: [2, 5, 2] }, 8, "index 2 is given twice"],
    [{ kind: "hardest", n: 9 }, 8, "the hardest 9 of 8 training samples"],
  ];
  for (const [selection, count, message] of cases) {
    assertThrows(
      () => resolveSelection(selection, LOSSES.subarray(0, count), count),
      SelectionError,
      message,
    );
  }
  const quantile = { kind: "quantile" as const, from: 0, to: 1 };
  assertThrows(() => resolveSelection(quantile, null, 8), SelectionError, "no losses for 8");
  assertThrows(() => resolveSelection(quantile, LOSSES, 9), SelectionError, "8 losses for 9");
});

Deno.test("needsLosses() is true of what ranks by loss", () => {
  assertEquals(needsLosses({ kind: "all" }), false);
  assertEquals(needsLosses({ kind: "indices", indices: [1] }), false);
  assertEquals(needsLosses({ kind: "quantile", from: 0, to: 0.5 }), true);
  assertEquals(needsLosses({ kind: "hardest", n: 1 }), true);
});
