import type { Client } from "../tasks/client.ts";
import { jobEnd, submitBenchJob } from "./bench_job.ts";
import { BenchChild } from "./child.ts";
import type { Subject } from "./figure.ts";
import type { ReaderResult } from "./reader.ts";
import { grouped, median } from "./statistics.ts";
import { withServer } from "./with_server.ts";

const ROUNDS = 5;
const WARM_UP = 500;
const STEPS = 3_000;

/** Steps/s of the same job through the runner and in a bare loop, turn by turn. */
export const runnerOverhead: Subject = (note) =>
  withServer(async (client) => {
    const bare: number[] = [];
    const runner: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      note(`bare loop, round ${round} of ${ROUNDS}`);
      bare.push(await bareLoop());
      note(`runner, round ${round} of ${ROUNDS}`);
      runner.push(await throughRunner(client));
    }
    // Neighbours in time saw the same machine: the ratio of each pair, then the median of these.
    const ratio = median(runner.map((rate, round) => rate / bare[round]!));
    return [{
      name: "runner over bare loop, steps/s",
      measured: `${ratio.toFixed(3)} (${grouped(median(runner))} / ${grouped(median(bare))})`,
      target: "≥ 0.95",
      met: ratio >= 0.95,
    }];
  });

async function bareLoop(): Promise<number> {
  await using loop = new BenchChild("bare_loop.ts", WARM_UP, STEPS);
  return Number(await loop.line());
}

/** Steps/s by the trainer's own clock, while a reader in another process takes every step. */
async function throughRunner(client: Client): Promise<number> {
  const last = WARM_UP + STEPS;
  const job = await submitBenchJob(client, "mlp", { max_steps: last });
  const url = `${client.server}/jobs/${job.id}/events?types=trainStep`;
  await using reader = new BenchChild("reader.ts", url, 1, last);
  await jobEnd(client, job.id);
  await reader.line();
  const [{ events }] = JSON.parse(await reader.line()) as [ReaderResult];
  if (events !== last) throw new Error(`the reader got ${events} of ${last} steps`);
  const ms = await timeOf(client, job.id, last) - await timeOf(client, job.id, WARM_UP);
  return STEPS * 1_000 / ms;
}

/** When a step was taken, in milliseconds. */
async function timeOf(client: Client, job: string, step: number): Promise<number> {
  const query = `series=loss&from=${step}&to=${step}&points=1`;
  const response = await fetch(`${client.server}/jobs/${job}/metrics?${query}`);
  const { series } = await response.json() as { series: { loss: { ts: number }[] } };
  return series.loss[0]!.ts;
}
