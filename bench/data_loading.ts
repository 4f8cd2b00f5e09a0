import { BenchChild } from "./child.ts";
import type { Figure, Subject } from "./figure.ts";
import type { Feed } from "./small_files_loop.ts";
import { median } from "./statistics.ts";

const ROUNDS = 25;
const STEPS = 20;

/** Whether 20,000 small files keep a step fed: a step on them over one on samples in memory. */
export const dataLoading: Subject = async (note) => {
  await using child = new BenchChild("small_files_loop.ts", ROUNDS, STEPS);
  const ratios: Record<Exclude<Feed, "memory">, number[]> = {
    waiting: [],
    ahead: [],
    "1 loader": [],
    "2 loaders": [],
  };
  for (let round = 1; round <= ROUNDS; round++) {
    note(`round ${round} of ${ROUNDS}`);
    const times = JSON.parse(await child.line()) as Record<Feed, number>;
    // Neighbours in time saw the same machine: the ratio of each round, then the median of these.
    for (const [feed, list] of Object.entries(ratios)) {
      list.push(times[feed as Feed] / times.memory);
    }
  }
  const of = (feed: keyof typeof ratios) => median(ratios[feed]);
  return [
    figure(
      "step on 20,000 small files over in memory",
      of("ahead"),
      `without prefetch ${of("waiting").toFixed(3)}`,
    ),
    figure(
      "the same, the files read by 1 loader thread",
      of("1 loader"),
      `2 threads ${of("2 loaders").toFixed(3)}`,
    ),
  ];
};

function figure(name: string, ratio: number, beside: string): Figure {
  const measured = `${ratio.toFixed(3)} (${beside})`;
  return { name, measured, target: "≤ 1.05", met: ratio <= 1.05 };
}
