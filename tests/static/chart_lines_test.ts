import { assertAlmostEquals, assertEquals } from "@std/assert";
import { inOrder, positions, stepsWithin } from "../../static/chart_axis.js";
import { smooth } from "../../static/smoothing.js";

const FACTS = { originStep: 100, stepsPerEpoch: 20 };
const COLUMNS = {
  step: [10, 20, 40],
  axis: [110, 120, 140],
  ts: [3000, 1000, 2000],
  epoch: [0, 1, 2],
  min: [],
  max: [],
  last: [],
};

Deno.test("smooth() keeps a constant as it is from the first value on, and gaps as gaps", () => {
  assertEquals(
    smooth([2, 2, null, 2], 0.9).map((value) => value && Math.round(value * 1e9) / 1e9),
    [
      2,
      2,
      null,
      2,
    ],
  );
  assertAlmostEquals(smooth([0, 1], 0.5)[1]!, 2 / 3);
});

Deno.test("positions() are steps, axis steps, epochs or seconds", () => {
  assertEquals(positions(COLUMNS, "step", FACTS), [10, 20, 40]);
  assertEquals(positions(COLUMNS, "axis", FACTS), [110, 120, 140]);
  assertEquals(positions(COLUMNS, "epoch", FACTS), [0.5, 1, 2]);
  assertEquals(positions(COLUMNS, "time", FACTS), [3, 1, 2]);
});

Deno.test("stepsWithin() is the range of steps under a stretch of any axis", () => {
  assertEquals(stepsWithin(9.2, 20.9, "step", FACTS, COLUMNS), { from: 10, to: 20 });
  assertEquals(stepsWithin(110, 121, "axis", FACTS, COLUMNS), { from: 10, to: 21 });
  assertEquals(stepsWithin(0.5, 1, "epoch", FACTS, COLUMNS), { from: 10, to: 20 });
  assertEquals(stepsWithin(0.5, 2.5, "time", FACTS, COLUMNS), { from: 20, to: 40 });
  assertEquals(stepsWithin(9.1, 9.9, "step", FACTS, COLUMNS), null);
});

Deno.test("inOrder() sorts a rewound job's lines by time", () => {
  assertEquals(inOrder([3, 1, 2], [[30, 10, null]]), [[1, 2, 3], [10, null, 30]]);
});
