import { assert, assertEquals, assertThrows } from "@std/assert";
import { resolveSelection, SelectionError } from "../../runtime/protocol/resolve_selection.ts";
import { columnsNeeded, Selection } from "../../runtime/protocol/selection.ts";

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
  assertEquals(resolveSelection({ kind: "all" }, { count: 3 }), new Int32Array([0, 1, 2]));
});

Deno.test("resolveSelection(indices) sorts them", () => {
  const selection = { kind: "indices" as const, indices: [7, 0, 3] };
  assertEquals(resolveSelection(selection, { count: 8 }), new Int32Array([0, 3, 7]));
  assertEquals(selection.indices, [7, 0, 3]);
});

Deno.test("resolveSelection(quantile) ranks by (loss, index) with NaN last", () => {
  for (let from = 0; from < COUNT; from++) {
    for (let to = from + 1; to <= COUNT; to++) {
      assertEquals(
        resolveSelection({ kind: "quantile", from: from / COUNT, to: to / COUNT }, {
          count: COUNT,
          loss: LOSSES,
        }),
        ascending(RANKING.slice(from, to)),
      );
    }
  }
});

Deno.test("resolveSelection(hardest) takes the end of the same ranking", () => {
  for (let n = 1; n <= COUNT; n++) {
    assertEquals(
      resolveSelection({ kind: "hardest", n }, { count: COUNT, loss: LOSSES }),
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
      const picked = resolveSelection({ kind: "quantile", from, to }, { count, loss: losses });
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
      () => resolveSelection(selection, { count, loss: LOSSES.subarray(0, count) }),
      SelectionError,
      message,
    );
  }
  const quantile = { kind: "quantile" as const, from: 0, to: 1 };
  assertThrows(
    () => resolveSelection(quantile, { count: 8 }),
    SelectionError,
    "no losses are known",
  );
  assertThrows(
    () => resolveSelection(quantile, { count: 9, loss: LOSSES }),
    SelectionError,
    "8 values of loss for 9",
  );
});

const TABLE = {
  count: 6,
  loss: new Float32Array([0, 1, 2, 3, 4, NaN]),
  label: new Int32Array([0, 1, 2, 0, 1, 2]),
  prediction: new Int32Array([0, 1, 1, 1, 1, -1]),
  cluster: new Int32Array([0, 0, 1, 1, 2, -1]),
};

function picks(selection: unknown): number[] {
  return [...resolveSelection(Selection.parse(selection), TABLE)];
}

Deno.test("resolveSelection(region) takes losses from one up to, not with, the other; NaN never", () => {
  assertEquals(picks({ kind: "region", from: 1, to: 3 }), [1, 2]);
  assertEquals(picks({ kind: "region", from: 3 }), [3, 4]);
  assertEquals(picks({ kind: "region", to: 1 }), [0]);
});

Deno.test("resolveSelection() of labels, of what is wrong, of clusters", () => {
  assertEquals(picks({ kind: "label", labels: [2] }), [2, 5]);
  assertEquals(picks({ kind: "misclassified" }), [2, 3, 5]);
  assertEquals(picks({ kind: "kmeans", k: 3, clusters: [0, 2] }), [0, 1, 4]);
});

Deno.test("resolveSelection() of combinations", () => {
  const wrong = { kind: "misclassified" };
  const twos = { kind: "label", labels: [2] };
  assertEquals(picks({ kind: "and", selections: [wrong, twos] }), [2, 5]);
  assertEquals(picks({ kind: "or", selections: [wrong, { kind: "indices", indices: [0] }] }), [
    0,
    2,
    3,
    5,
  ]);
  assertEquals(picks({ kind: "not", selection: wrong }), [0, 1, 4]);
  const hardWithout = { kind: "not", selection: { kind: "indices", indices: [5] } };
  assertEquals(
    picks({ kind: "and", selections: [{ kind: "hardest", n: 3 }, hardWithout] }),
    [3, 4],
  );
});

Deno.test("resolveSelection() says what is not known of the samples", () => {
  const refused = (selection: unknown) => {
    const parsed = Selection.parse(selection);
    return () => resolveSelection(parsed, { count: 6, loss: TABLE.loss, label: null });
  };
  assertThrows(refused({ kind: "label", labels: [0] }), SelectionError, "have no labels");
  assertThrows(refused({ kind: "misclassified" }), SelectionError, "no labels");
  const within = { kind: "and", selections: [{ kind: "kmeans", k: 2, clusters: [0] }] };
  assertThrows(refused(within), SelectionError, "no clusters");
});

Deno.test("Selection refuses what has no meaning", () => {
  const all = { kind: "all" };
  const deep = { kind: "not", selection: { kind: "not", selection: all } };
  const cases: [unknown, string][] = [
    [{ kind: "region" }, "expected from, to or both"],
    [{ kind: "region", from: 2, to: 1 }, "expected from, to or both"],
    [{ kind: "kmeans", k: 3, clusters: [3] }, "from 0 to k - 1"],
    [{ kind: "and", selections: [] }, ">=1"],
    [{ kind: "and", selections: [{ ...all, of: "all" }] }, "of stands at the top"],
    [{ kind: "not", selection: deep }, "kind"],
    [{
      kind: "or",
      selections: [{ kind: "kmeans", k: 3, clusters: [0] }, {
        kind: "kmeans",
        k: 4,
        clusters: [0],
      }],
    }, "one clustering"],
  ];
  for (const [selection, message] of cases) {
    const { error } = Selection.safeParse(selection);
    assert(error?.message.includes(message), `${JSON.stringify(selection)}: ${error?.message}`);
  }
  assert(Selection.safeParse(deep).success);
});

Deno.test("columnsNeeded() is what a selection and all its parts look at", () => {
  const needs = (selection: unknown) => [...columnsNeeded(Selection.parse(selection))];
  assertEquals(needs({ kind: "all" }), []);
  assertEquals(needs({ kind: "indices", indices: [1] }), []);
  assertEquals(needs({ kind: "hardest", n: 1 }), ["loss"]);
  const selections = [{ kind: "label", labels: [1] }, { kind: "quantile", from: 0, to: 0.5 }];
  assertEquals(needs({ kind: "not", selection: { kind: "or", selections } }), ["label", "loss"]);
});
