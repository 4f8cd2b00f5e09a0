import { BenchChild } from "./child.ts";
import type { Subject } from "./figure.ts";
import { median } from "./statistics.ts";

/** As many as telemetry samples one of, so that each block has its share of the price. */
const BLOCK_STEPS = 25;
const PAIRS = 1_000;

/** What all telemetry costs the bench's small job, against the same job without any. */
export const telemetry: Subject = async (note) => {
  note(`${PAIRS} pairs of ${BLOCK_STEPS} steps, with all telemetry and with none`);
  await using loop = new BenchChild("telemetry_loop.ts", BLOCK_STEPS, PAIRS);
  const [off, on] = [await middle(loop), await middle(loop)];
  const ratio = on / off;
  return [{
    name: "all telemetry on, over off, CPU time",
    measured: `${ratio.toFixed(3)} (${stepUs(on)} / ${stepUs(off)} µs a step)`,
    target: "≤ 1.02",
    met: ratio <= 1.02,
  }];
};

/** The median block that the child tells next, in ms. */
async function middle(loop: BenchChild): Promise<number> {
  return median((await loop.line()).split(" ").map(Number));
}

function stepUs(blockMs: number): string {
  return (blockMs * 1_000 / BLOCK_STEPS).toFixed(0);
}
