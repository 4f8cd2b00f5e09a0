/** How many tests of a run went which way. */
export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Reads the last line that `deno test` prints, such as `ok | 12 passed (3 steps) | 0 failed | 1
 * ignored (2s)`. A run that failed without a failed test, because a file does not compile or the
 * process died, counts as one failure.
 *
 * @param output Without colours.
 */
export function readTestCounts(output: string, code: number): TestCounts {
  const line = output.split("\n").findLast((text) => /^(ok|FAILED) \| \d+ passed/.test(text)) ?? "";
  const count = (word: string) => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0);
  const failed = count("failed");
  return {
    passed: count("passed"),
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: count("ignored"),
  };
}

/** `12 passed, 0 failed`, and what was skipped where something was. */
export function formatTestCounts({ passed, failed, skipped }: TestCounts): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`;
}
