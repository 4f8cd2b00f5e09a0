import { BenchChild } from "./child.ts";
import type { Subject } from "./figure.ts";
import { median } from "./statistics.ts";

const ROUNDS = 7;

/** For how long a ring checkpoint of a large model holds training up, over a copy in memory. */
export const checkpointStall: Subject = async (note) => {
  await using loop = new BenchChild("checkpoint_stall_loop.ts", ROUNDS);
  const stalls: number[] = [];
  const copies: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    note(`ring checkpoint, round ${round} of ${ROUNDS}`);
    const { stall, copy } = JSON.parse(await loop.line()) as { stall: number; copy: number };
    stalls.push(stall);
    copies.push(copy);
  }
  const ratio = median(stalls.map((stall, round) => stall / copies[round]!));
  return [{
    name: "ring checkpoint of 10 M parameters with Adam, stall over a copy in memory",
    measured: `${ratio.toFixed(2)} (${median(stalls).toFixed(0)} / ${
      median(copies).toFixed(0)
    } ms)`,
    target: "≤ 2",
    met: ratio <= 2,
  }];
};
