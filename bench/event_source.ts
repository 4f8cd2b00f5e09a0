/**
 * A server of nothing but an event log and its streams: the real log on disk, the real route, and
 * events like those of a training job. Prints its address, then obeys one line at a time:
 * `append COUNT PER_SECOND` (0: as fast as it goes) answers `done`; `rss` answers bytes.
 */
import { TextLineStream } from "@std/streams";
import { Hono } from "hono";
import type { AppDeps } from "../routes/app_deps.ts";
import { eventRoutes } from "../routes/events.ts";
import { type EventLog, openEventLog } from "../jobs/events/event_log.ts";

const JOB = "job-bench";
const SESSION = "sess-bench";

/** What a step of a training job looks like in the log. */
function stepData(step: number): string {
  return JSON.stringify({
    type: "trainStep",
    step,
    axis_step: step,
    epoch: Math.floor(step / 20),
    loss: 0.6931471805599453 / (1 + step / 1_000),
    val_loss: 0.5210987310192131,
    accuracy: 0.9140625,
    lr: 0.001,
    grad_norm: 1.2345678901234567,
    weight_norm: 12.345678901234567,
    activation_zero_frac: null,
    throughput: 81234.56789,
    mem_vram: null,
    gpu_util: null,
    run_id: JOB,
    run_gen: 1,
    session_id: SESSION,
    event_seq: step,
    ts: Date.now(),
    job: JOB,
    session: SESSION,
    take: 1,
  });
}

/** Appends so many events, evenly over the time that the rate gives them. */
async function append(log: EventLog, first: number, total: number, rate: number): Promise<void> {
  const began = performance.now();
  for (let done = 0; done < total;) {
    const due = rate === 0
      ? Math.min(total, done + 500)
      : Math.min(total, Math.ceil((performance.now() - began) * rate / 1_000));
    for (; done < due; done++) {
      const step = first + done;
      const event = { job: JOB, session: SESSION, type: "trainStep", take: 1, step };
      log.append({ ...event, data: stepData(step) });
    }
    if (rate === 0) await log.durable();
    else await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await log.durable();
}

if (import.meta.main) {
  const folder = await Deno.makeTempDir({ prefix: "onthefly-bench-" });
  const log = openEventLog(`${folder}/events.sqlite3`);
  // The stream of everything asks no job; the others would, and are not used here.
  const deps = { log, closing: new AbortController().signal } as AppDeps;
  const app = new Hono().route("/", eventRoutes(deps));
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, app.fetch);
  console.log(`http://127.0.0.1:${server.addr.port}`);
  const lines: ReadableStream<string> = Deno.stdin.readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const line of lines) {
    const [command, total, rate] = line.split(" ");
    if (command === "append") await append(log, log.lastSeq + 1, Number(total), Number(rate));
    console.log(command === "rss" ? Deno.memoryUsage().rss : "done");
  }
  // The other side has closed the line; streams that still hang are not waited for.
  await log.close();
  await Deno.remove(folder, { recursive: true });
  Deno.exit(0);
}
