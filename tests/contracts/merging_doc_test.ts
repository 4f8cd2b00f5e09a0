/** docs/merging.md, held against the strategies there are. */
import { assertEquals } from "@std/assert";
import { MERGE_STRATEGIES, NEEDS_ANCESTOR } from "../../runtime/protocol/merge_strategy.ts";
import { readDocument } from "../fixtures/markdown.ts";

const merging = await readDocument("docs/merging.md");

/** Cells of the rows of one section's table. */
function rows(heading: string): string[][] {
  const section = merging.split(`\n## ${heading}\n`)[1]!.split("\n## ")[0]!;
  return section.split("\n").filter((line) => line.startsWith("| `"))
    .map((line) => line.slice(2, -1).split("|").map((cell) => cell.trim()));
}

Deno.test("docs/merging.md has every strategy, and says which need the common ancestor", () => {
  const documented = rows("Strategies").map(([name, , needs]) => [
    name,
    needs!.includes("the common ancestor"),
  ]);
  const strategies = Object.keys(MERGE_STRATEGIES).map((name) => [
    `\`${name}\``,
    NEEDS_ANCESTOR.has(name as keyof typeof MERGE_STRATEGIES),
  ]);
  assertEquals(documented.toSorted(), strategies.toSorted());
});

Deno.test("docs/merging.md has every parameter with its default and meaning", () => {
  const params = Object.entries(MERGE_STRATEGIES).flatMap(([strategy, schema]) =>
    Object.entries(schema.shape).map(([param, field]) => {
      const { success, data } = field.safeParse(undefined);
      return [
        `\`${strategy}\``,
        `\`${param}\``,
        success && data !== undefined ? JSON.stringify(data) : "",
        field.description!,
      ];
    })
  );
  const byName = (list: string[][]) => list.toSorted((a, b) => `${a}` < `${b}` ? -1 : 1);
  assertEquals(byName(rows("Parameters")), byName(params));
});
