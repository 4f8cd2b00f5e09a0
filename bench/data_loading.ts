import { BenchChild } from "./child.ts";
import type { Subject } from "./figure.ts";
import { median } from "./statistics.ts";

const ROUNDS = 5;
const STEPS = 100;

/** Whether 20,000 small files keep a step fed: a step on them over one on samples in memory. */
export const dataLoading: Subject = async (note) => {
  await using child = new BenchChild("small_files_loop.ts", ROUNDS, STEPS);
  const ahead: number[] = [];
  const waiting: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    note(`round ${round} of ${ROUNDS}`);
    const times = JSON.parse(await child.line()) as Record<"memory" | "waiting" | "ahead", number>;
    // Neighbours in time saw the same machine: the ratio of each round, then the median of these.
    ahead.push(times.ahead / times.memory);
    waiting.push(times.waiting / times.memory);
  }
  const ratio = median(ahead);
  return [{
    name: "step on 20,000 small files over in memory",
    measured: `${ratio.toFixed(3)} (${median(waiting).toFixed(3)} without prefetch)`,
    target: "≤ 1.05",
    met: ratio <= 1.05,
  }];
};
