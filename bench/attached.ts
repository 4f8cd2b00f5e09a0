import { startServer } from "../tasks/server_process.ts";
import { BenchChild } from "./child.ts";
import type { Subject } from "./figure.ts";
import { grouped, median } from "./statistics.ts";

const ROUNDS = 5;
const WARM_UP = 500;
const STEPS = 3_000;

/** Step time of a script that a server takes every event of, over the same script alone. */
export const attached: Subject = async (note) => {
  const dataDir = await Deno.makeTempDir({ prefix: "onthefly-bench-" });
  const port = freePort();
  const server = await startServer({ dataDir, flags: ["--dashboard-port", String(port)] });
  try {
    const alone: number[] = [];
    const together: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      note(`alone, round ${round} of ${ROUNDS}`);
      alone.push(await stepsPerSecond(0));
      note(`attached, round ${round} of ${ROUNDS}`);
      together.push(await stepsPerSecond(port));
    }
    // Neighbours in time saw the same machine: the ratio of each pair, then the median of these.
    const ratio = median(together.map((rate, round) => alone[round]! / rate));
    return [{
      name: "Trainer attached over detached, step time",
      measured: `${ratio.toFixed(3)} (${grouped(median(together))} / ${
        grouped(median(alone))
      } steps/s)`,
      target: "≤ 1.02",
      met: ratio <= 1.02,
    }];
  } finally {
    await server.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
};

async function stepsPerSecond(port: number): Promise<number> {
  await using loop = new BenchChild("attached_loop.ts", port, WARM_UP, STEPS);
  return Number(await loop.line());
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
