import { assertEquals } from "@std/assert";
import { formatTestCounts, readTestCounts } from "../../tasks/test_counts.ts";

Deno.test("readTestCounts() reads the line at the end of deno test", () => {
  const counts = (line: string, code: number) => readTestCounts(`a ... ok\n\n${line}\n`, code);
  assertEquals(counts("ok | 12 passed (3 steps) | 0 failed | 2 ignored (1s)", 0), {
    passed: 12,
    failed: 0,
    skipped: 2,
  });
  assertEquals(counts("FAILED | 3 passed | 2 failed (1 step) (9ms)", 1), {
    passed: 3,
    failed: 2,
    skipped: 0,
  });
});

Deno.test("readTestCounts() counts a run that never got to its end as a failure", () => {
  assertEquals(readTestCounts("error: Type checking failed.\n", 1), {
    passed: 0,
    failed: 1,
    skipped: 0,
  });
});

Deno.test("formatTestCounts() mentions skipped tests only where there are some", () => {
  assertEquals(formatTestCounts({ passed: 5, failed: 0, skipped: 0 }), "5 passed, 0 failed");
  assertEquals(
    formatTestCounts({ passed: 5, failed: 1, skipped: 2 }),
    "5 passed, 1 failed, 2 skipped",
  );
});
