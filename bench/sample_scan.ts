import type { Client } from "../tasks/client.ts";
import { jobRunning, submitBenchJob } from "./bench_job.ts";
import { BenchChild } from "./child.ts";
import type { Figure, Subject } from "./figure.ts";
import { grouped, median } from "./statistics.ts";
import { withServer } from "./with_server.ts";

const PROGRAM = "sample_scan_loop.ts";
const ROUNDS = 20;
const FEW = 100_000;
const MANY = 1_000_000;
const STALLS = 5;

/** What looking at every sample costs: the scan itself, its memory, the job it looks at, its export. */
export const sampleScan: Subject = async (note) => {
  note(`${ROUNDS} bare forward passes and scans of an MLP 784-256-128-10, wasm`);
  const ratio = await speed();
  note(`scanning ${grouped(FEW)} and ${grouped(MANY)} samples`);
  const [few, many] = [await peak(FEW), await peak(MANY)];
  note("scanning while a job trains");
  const { scan, save } = await withServer(stalls);
  note(`writing ${grouped(MANY)} rows`);
  const { ms } = await told<{ ms: number }>("parquet", MANY);
  return [
    {
      name: "per-sample scan over a bare forward pass, speed",
      measured: ratio.toFixed(3),
      target: "≥ 0.9",
      met: ratio >= 0.9,
    },
    {
      name: `peak memory of a scan, ${grouped(MANY)} samples over ${grouped(FEW)}`,
      measured: `${(many / few).toFixed(2)} (${mib(many)} over ${mib(few)})`,
      target: "≤ 1.2",
      met: many / few <= 1.2,
    },
    {
      name: "longest gap between steps: during a scan, median",
      measured: `${scan.toFixed(0)} ms`,
      target: `≤ one checkpoint (${save.toFixed(0)} ms)`,
      met: scan <= save,
    },
    reported(`export of ${grouped(MANY)} rows to parquet`, `${grouped(MANY / ms * 1_000)} rows/s`),
  ];
};

function reported(name: string, measured: string): Figure {
  return { name, measured, target: "reported", met: true };
}

async function speed(): Promise<number> {
  await using child = new BenchChild(PROGRAM, "ratio", ROUNDS);
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { bare, scanned } = JSON.parse(await child.line()) as { bare: number; scanned: number };
    ratios.push(bare / scanned);
  }
  return median(ratios);
}

async function peak(samples: number): Promise<number> {
  return (await told<{ peak: number }>("memory", samples)).peak;
}

async function told<T>(...args: (string | number)[]): Promise<T> {
  await using child = new BenchChild(PROGRAM, ...args);
  return JSON.parse(await child.line()) as T;
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

/**
 * Median of the longest gaps, in ms: while a report is made, and in as long a time with a checkpoint
 * in it, since the longer one looks, the longer a gap a busy machine shows.
 */
async function stalls(client: Client): Promise<{ scan: number; save: number }> {
  const job = await submitBenchJob(client, "mlp", { ckpt_every_steps: 1_000_000 });
  await jobRunning(client, job.id);
  const gaps = { report: [] as number[], checkpoints: [] as number[] };
  for (let round = 0; round < STALLS; round++) {
    let looked = 0;
    for (const call of ["report", "checkpoints"] as const) {
      const began = Date.now();
      const response = await fetch(`${client.server}/jobs/${job.id}/${call}`, { method: "POST" });
      await response.body?.cancel();
      const left = looked - (Date.now() - began);
      if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
      const ended = Date.now();
      looked = ended - began;
      gaps[call].push(await longestGap(client, job.id, began, ended));
    }
  }
  await client.control(job.id, "stop");
  return { scan: median(gaps.report), save: median(gaps.checkpoints) };
}

async function longestGap(
  client: Client,
  job: string,
  began: number,
  ended: number,
): Promise<number> {
  const path = `/jobs/${job}/events?types=trainStep&after=0&follow=false`;
  const text = await (await fetch(client.server + path)).text();
  const times = [...text.matchAll(/"ts":(\d+)/g)].map(([, ts]) => Number(ts));
  let longest = 0;
  for (let at = 1; at < times.length; at++) {
    const [before, after] = [times[at - 1]!, times[at]!];
    if (after >= began && before <= ended) longest = Math.max(longest, after - before);
  }
  return longest;
}
