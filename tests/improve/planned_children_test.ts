import { assertEquals, assertThrows } from "@std/assert";
import { UnprocessableError } from "../../jobs/errors.ts";
import { ImproveRequest } from "../../jobs/improve/improve_request.ts";
import { plannedChildren } from "../../jobs/improve/planned_children.ts";
import { quantileRanks, type Selection } from "../../runtime/protocol/selection.ts";

function planned(fields: Record<string, unknown>): Selection[] {
  const request = ImproveRequest.parse({ strategy: "swa", budget: { steps: 1 }, ...fields });
  return plannedChildren(request).map(({ selection }) => selection);
}

Deno.test("plannedChildren() cuts a quantile so that every sample is in exactly one part", () => {
  for (const [children, samples] of [[2, 7], [3, 100], [7, 256], [32, 1_000]] as const) {
    const parts = planned({ children, selection: { kind: "quantile", from: 0.1, to: 0.9 } });
    const ranks = parts.map((part) => quantileRanks(part as { from: number; to: number }, samples));
    const whole = quantileRanks({ from: 0.1, to: 0.9 }, samples);
    assertEquals([ranks[0]![0], ranks.at(-1)![1]], whole);
    ranks.slice(1).forEach(([first], index) => assertEquals(first, ranks[index]![1]));
  }
});

Deno.test("plannedChildren() deals labels and clusters out, each to one child", () => {
  const labels = planned({ children: 2, selection: { kind: "label", labels: [4, 2, 7, 2] } });
  assertEquals(labels, [
    { kind: "label", labels: [4, 7], of: "all" },
    { kind: "label", labels: [2], of: "all" },
  ]);
  const rule = { kind: "kmeans", k: 3, clusters: [0, 1, 2], of: "parent" };
  assertEquals(planned({ children: 3, selection: rule }), [
    { ...rule, clusters: [0] },
    { ...rule, clusters: [1] },
    { ...rule, clusters: [2] },
  ] as Selection[]);
});

Deno.test("plannedChildren() takes a list as it is, about the whole split unless it says otherwise", () => {
  const selections = [{ kind: "all" }, { kind: "misclassified", of: "parent" }];
  const children = selections.map((selection) => ({ selection }));
  assertEquals(planned({ children }), [
    { kind: "all", of: "all" },
    { kind: "misclassified", of: "parent" },
  ]);
});

Deno.test("plannedChildren() refuses what it cannot cut", () => {
  const refused = (selection: unknown, message: string) =>
    assertThrows(() => planned({ children: 2, selection }), UnprocessableError, message);
  refused({ kind: "hardest", n: 5 }, "hardest cannot be cut into 2");
  refused({ kind: "kmeans", k: 4, clusters: [3, 3] }, "1 clusters for 2 children");
  refused(undefined, "selection: it is missing");
});
