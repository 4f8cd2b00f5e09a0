import { assertEquals } from "@std/assert";
import { isWithin } from "../../static/lasso.js";

Deno.test("isWithin() tells a point inside a bent line from one in its bay", () => {
  const hook = [[0, 0], [4, 0], [4, 4], [3, 4], [3, 1], [0, 1]].map(([x, y]) => ({
    x: x!,
    y: y!,
  }));
  const cases: [x: number, y: number, inside: boolean][] = [
    [1, 0.5, true],
    [3.5, 3, true],
    [1, 3, false],
    [5, 0.5, false],
    [-1, 0.5, false],
  ];
  for (const [x, y, inside] of cases) assertEquals(isWithin({ x, y }, hook), inside, `${x}, ${y}`);
});
