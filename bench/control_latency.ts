import type { Client } from "../tasks/client.ts";
import { jobRunning, submitBenchJob } from "./bench_job.ts";
import type { Subject } from "./figure.ts";
import { median } from "./statistics.ts";
import { withServer } from "./with_server.ts";

const ROUNDS = 40;
/** What a receipt may take beside the batch it waits for, in milliseconds. */
const ALLOWED_MS = 5;

/** Time from a request to its receipt, while a job trains. */
export const controlLatency: Subject = (note) =>
  withServer(async (client) => {
    const job = await submitBenchJob(client, "mlp", {});
    await jobRunning(client, job.id);
    note(`pausing and resuming ${ROUNDS} times`);
    const pauses: number[] = [];
    const resumes: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await new Promise((resolve) => setTimeout(resolve, 20 + (round * 7) % 30));
      pauses.push(await timed(() => client.control(job.id, "pause")));
      resumes.push(await timed(() => client.control(job.id, "resume")));
    }
    const batch = await batchMs(client, job.id);
    await client.control(job.id, "stop");
    const pause = median(pauses);
    const resume = median(resumes);
    return [
      {
        name: "pause: request to receipt, median",
        measured: `${pause.toFixed(1)} ms`,
        target: `≤ one batch (${batch.toFixed(1)} ms) + ${ALLOWED_MS} ms`,
        met: pause <= batch + ALLOWED_MS,
      },
      {
        name: "resume: request to receipt, median",
        measured: `${resume.toFixed(1)} ms`,
        target: `≤ ${ALLOWED_MS} ms`,
        met: resume <= ALLOWED_MS,
      },
    ];
  });

async function timed(call: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await call();
  return performance.now() - began;
}

/** Median time of a step, from samples a second as the trainer measured them. */
async function batchMs(client: Client, job: string): Promise<number> {
  const response = await fetch(
    `${client.server}/jobs/${job}/metrics?series=throughput&points=5000`,
  );
  const { series } = await response.json() as { series: { throughput: { last: number }[] } };
  return median(series.throughput.map(({ last }) => 128 * 1_000 / last));
}
