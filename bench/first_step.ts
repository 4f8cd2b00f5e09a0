import { submitBenchJob } from "./bench_job.ts";
import type { Subject } from "./figure.ts";
import { median } from "./statistics.ts";
import { withServer } from "./with_server.ts";

const ROUNDS = 7;
const ALLOWED_S = 0.6;

/** Time from `POST /jobs` to the first `trainStep` at a reader that listens already. */
export const firstStep: Subject = (note) =>
  withServer(async (client) => {
    const leaving = new AbortController();
    const steps = client.events("/events?types=trainStep", { signal: leaving.signal });
    const seconds: number[] = [];
    // The first one finds the server's caches cold, which it is told apart by.
    for (let round = 0; round <= ROUNDS; round++) {
      note(`digits, submission ${round + 1} of ${ROUNDS + 1}`);
      const began = performance.now();
      const job = await submitBenchJob(client, "digits", { max_epochs: 1_000_000 });
      for (;;) {
        const { value } = await steps.next();
        if (value === undefined) throw new Error("the stream ended");
        if ((JSON.parse(value.data) as { job: string }).job === job.id) break;
      }
      seconds.push((performance.now() - began) / 1_000);
      await client.control(job.id, "stop");
    }
    leaving.abort();
    const [cold, ...warm] = seconds;
    return [{
      name: "POST /jobs to first trainStep (digits), median",
      measured: `${median(warm).toFixed(2)} s (first of the server: ${cold!.toFixed(2)} s)`,
      target: `≤ ${ALLOWED_S} s`,
      met: median(warm) <= ALLOWED_S,
    }];
  });
