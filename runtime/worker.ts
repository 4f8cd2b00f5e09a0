/** Process entry of a worker: one attempt of one job, spoken to over standard input and output. */
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "./backends/choose.ts";
import { keyedStream, NUMERICS_VERSION } from "./determinism/rng.ts";
import { installSeededRandom } from "./determinism/seeded_math_random.ts";
import { openStdioChannel, type TrainerChannel } from "./protocol/channel.ts";
import type { LaunchContext } from "./protocol/commands.ts";
import { PROTOCOL_VERSION } from "./protocol/events.ts";
import { toWireConfig } from "./protocol/job_config.ts";
import { type LoadedJob, loadJob } from "./session/load_job.ts";
import { PhaseError } from "./session/phase_error.ts";
import { Session } from "./session/session.ts";
import { startRun } from "./session/start.ts";

/** Becomes the attempt that the context names; `attempt.session` is there once the model is. */
async function work(
  context: LaunchContext,
  channel: TrainerChannel,
  attempt: { session: Session | null },
): Promise<void> {
  const { backend: wanted, threads, tensorflow } = context;
  const backend = await PhaseError.in("backend", () => chooseBackend(wanted, threads, tensorflow));
  const random = installSeededRandom(keyedStream(0, "setup"));
  const job = await loadJob(
    context,
    random,
    (message) => void channel.emit("log", { level: "info", message, source: "module" }),
  );
  if (context.dataset_hash !== null && context.dataset_hash !== job.datasetHash) {
    throw PhaseError.from(
      "data",
      new Error(
        `the data differ from the session root's: hash ${job.datasetHash}, expected ${context.dataset_hash}. ` +
          "Split with ctx.seed, and read only posted files, so that every job of a session sees the same samples",
      ),
    );
  }
  await PhaseError.in("start", () =>
    startRun(job.run, context.start, (done, total) => {
      channel.emit("progress", { task: "scan", done, total, step: 0 });
    }));
  const session = new Session({ context, channel, definition: job.definition, run: job.run });
  attempt.session = session;
  channel.emit("session_started", startedFields(context, job, backend));
  if (context.start.from !== "checkpoint") await session.trySave("start");
  await PhaseError.in("train", () => session.serving ? session.serve() : session.train());
}

function startedFields(
  context: LaunchContext,
  { run, datasetHash }: LoadedJob,
  { name, reason, determinism, version }: Awaited<ReturnType<typeof chooseBackend>>,
) {
  const { train, val, test } = run.data;
  return {
    capabilities: [
      "ack",
      "pause",
      "resume",
      "stop",
      "save_ckpt",
      "load_ckpt",
      "test",
      "set_hparams",
    ],
    protocol: PROTOCOL_VERSION,
    backend: { name, reason },
    determinism,
    config: toWireConfig(run.config),
    dataset: {
      hash: datasetHash,
      train: train.length,
      val: val?.length ?? 0,
      test: test?.length ?? 0,
    },
    selected: run.indices?.length ?? null,
    model: {
      parameters: run.handle.weights.reduce((sum, { variable }) => sum + variable.size, 0),
      weights: run.handle.weights.length,
    },
    step: run.step,
    epoch: run.epoch,
    axis_step: run.axisStep,
    steps_per_epoch: Math.ceil(run.sampler.stepsPerEpoch / run.config.accumulateSteps),
    runtime: {
      deno: Deno.version.deno,
      tfjs: tf.version_core,
      numerics: NUMERICS_VERSION,
      threads: context.threads,
      ...(version === undefined ? {} : { [name]: version }),
    },
  };
}

/** Reports what ended the attempt. */
function reportFatal(channel: TrainerChannel, jobDir: string, thrown: unknown, step: number): void {
  const { phase, cause } = PhaseError.from("worker", thrown);
  const stack = cause.stack === undefined ? null : moduleStack(cause.stack, jobDir);
  channel.emit("error", { message: cause.message, stack, fatal: true, phase, step });
  channel.flush();
}

/** A stack as the module's author knows it: files by the names they were posted under, ours left out. */
function moduleStack(stack: string, jobDir: string): string {
  const runtime = new URL(".", import.meta.url).href;
  const project = new URL("..", import.meta.url).href;
  return stack.split("\n")
    .filter((line) => !line.includes(runtime))
    .map((line) => line.replace(`file://${jobDir}/`, "").replace(project, ""))
    .join("\n");
}

if (import.meta.main) {
  const { context, channel } = await openStdioChannel();
  const attempt: { session: Session | null } = { session: null };
  const fail = (thrown: unknown) => {
    const jobDir = context.module.path.slice(0, context.module.path.lastIndexOf("/"));
    reportFatal(channel, jobDir, thrown, attempt.session?.run.step ?? 0);
    Deno.exit(1);
  };
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    fail(PhaseError.from("module", event.reason));
  });
  try {
    await work(context, channel, attempt);
    channel.flush();
    Deno.exit(0);
  } catch (error) {
    fail(error);
  }
}
