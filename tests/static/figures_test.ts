import { assertEquals } from "@std/assert";
import { byteSize, decimal, duration, percent, whole } from "../../static/figures.js";

Deno.test("decimal() keeps four digits, and writes the very small with an exponent", () => {
  const cases: [number | null, string][] = [
    [0, "0"],
    [1, "1"],
    [0.31214, "0.3121"],
    [-0.5, "-0.5"],
    [12.3456, "12.35"],
    [2.5e-7, "2.5e-7"],
    [26415.4, "26,415"],
    [3e9, "3e9"],
    [null, "–"],
  ];
  for (const [value, text] of cases) assertEquals(decimal(value), text);
});

Deno.test("whole(), percent(), byteSize() and duration() read as people write", () => {
  assertEquals(whole(1204), "1,204");
  assertEquals(percent(0.9734), "97.3%");
  assertEquals(byteSize(1536), "1.5 KiB");
  assertEquals(byteSize(3), "3 B");
  assertEquals(duration(430), "430 ms");
  assertEquals(duration(185_000), "3 min 05 s");
  assertEquals(duration(7_800_000), "2 h 10 min");
});
