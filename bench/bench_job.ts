import { fromFileUrl } from "@std/path";
import { ENDED, type JobState } from "../jobs/job.ts";
import type { Client, Job } from "../tasks/client.ts";
import { submissionForm } from "../tasks/submission_form.ts";

const path = (name: string): string => fromFileUrl(new URL(name, import.meta.url));

/** The modules that are measured, and the files that are posted with them. */
const MODULES = {
  mlp: { module: path("jobs/mlp.ts"), files: [] },
  digits: {
    module: path("../examples/digits.ts"),
    files: [path("../examples/data/digits.csv.gz")],
  },
} as const;

/** Posts one of the measured modules. */
export async function submitBenchJob(
  client: Client,
  name: keyof typeof MODULES,
  config: Record<string, unknown>,
): Promise<Job> {
  return await client.submit(await submissionForm({ ...MODULES[name], config }));
}

/** Resolves when the job has ended. @throws {Error} when it failed. */
export async function jobEnd(client: Client, job: string): Promise<void> {
  for await (const { to } of states(client, job)) {
    if (to === "failed") {
      throw new Error(`${job} failed: ${(await client.job(job)).error?.message}`);
    }
    if (ENDED.has(to)) return;
  }
}

/** Resolves when the job trains. @throws {Error} when it ends before. */
export async function jobRunning(client: Client, job: string): Promise<void> {
  for await (const { to } of states(client, job)) {
    if (to === "running") return;
    if (ENDED.has(to)) throw new Error(`${job} is ${to}`);
  }
}

async function* states(client: Client, job: string): AsyncGenerator<{ to: JobState }> {
  const leaving = new AbortController();
  const path = `/jobs/${job}/events?types=state_changed`;
  try {
    for await (const event of client.events(path, { signal: leaving.signal })) {
      yield JSON.parse(event.data) as { to: JobState };
    }
  } finally {
    leaving.abort();
  }
}
