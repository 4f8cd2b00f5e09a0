import { assert, assertEquals } from "@std/assert";
import { lineageLayout, NODE } from "../../routes/views/lineage_layout.ts";

const job = (id: string, ...parents: string[]) => ({ id, parents });

Deno.test("lineageLayout() puts a job right of all its parents, and no two on one place", () => {
  const jobs = [
    job("root"),
    ...Array.from({ length: 8 }, (_, n) => job(`fork${n}`, "root")),
    job("merge", "fork0", "fork3", "fork7"),
    job("late", "merge", "root"),
  ];
  const { places, edges, width, height } = lineageLayout(jobs);
  for (const { id, parents } of jobs) {
    const { x, y } = places.get(id)!;
    assert(x >= 0 && y >= 0 && x + NODE.width <= width && y + NODE.height <= height, id);
    for (const parent of parents) assert(places.get(parent)!.x + NODE.width < x, id);
    for (const [other, place] of places) {
      const apart = Math.abs(place.x - x) >= NODE.width || Math.abs(place.y - y) >= NODE.height;
      assert(other === id || apart, `${id} lies on ${other}`);
    }
  }
  assertEquals(edges.length, 8 + 3 + 2);
  assert(edges.every(({ d }) => /^M[\d.]+ [\d.]+(C[\d.]+( [\d.]+){5})+$/.test(d)));
});

Deno.test("lineageLayout() puts forks of one job in one column, whatever is merged of them later", () => {
  const { places } = lineageLayout([
    job("a"),
    job("b", "a"),
    job("c", "a"),
    job("merge", "b", "a"),
    job("again", "merge"),
    job("late", "again", "c"),
  ]);
  assertEquals(places.get("b")!.x, places.get("c")!.x);
});

Deno.test("lineageLayout() draws no line to a parent that is gone, and one for one named twice", () => {
  const { edges, places } = lineageLayout([
    job("a", "deleted"),
    job("b", "a", "a"),
  ]);
  assertEquals(edges.map(({ parent, child }) => [parent, child]), [["a", "b"]]);
  assertEquals(places.size, 2);
});

Deno.test("lineageLayout() gives the same picture for the same jobs", () => {
  const jobs = [job("a"), job("b", "a"), job("c", "a"), job("d", "b", "c")];
  assertEquals(lineageLayout(jobs), lineageLayout(jobs));
});
