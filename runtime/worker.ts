/** Process entry of a worker: one attempt of one job, spoken to over standard input and output. */
import { chooseBackend } from "./backends/choose.ts";
import { keyedStream } from "./determinism/rng.ts";
import { installSeededRandom } from "./determinism/seeded_math_random.ts";
import { openStdioChannel, type TrainerChannel } from "./protocol/channel.ts";
import { clipText } from "./protocol/clip_text.ts";
import type { LaunchContext } from "./protocol/commands.ts";
import { announceRestored } from "./session/announce_hparams.ts";
import { distill } from "./session/distill.ts";
import { buildOptimizer } from "./session/build_optimizer.ts";
import { loadJob } from "./session/load_job.ts";
import { PhaseError } from "./session/phase_error.ts";
import { Session } from "./session/session.ts";
import { startedFields } from "./session/started_fields.ts";
import { startRun } from "./session/start.ts";
import type { StartPorts } from "./session/start_merge.ts";

/** Characters of a module's error message, and of its stack, that are told. */
const ERROR_TEXT = 8_000;

/** Becomes the attempt that the context names; `attempt.session` is there once the model is. */
async function work(
  context: LaunchContext,
  channel: TrainerChannel,
  attempt: { session: Session | null },
): Promise<void> {
  const { backend: wanted, threads, tensorflow, webgpu } = context;
  const backend = await PhaseError.in(
    "backend",
    () => chooseBackend(wanted, threads, tensorflow, webgpu),
  );
  // The backend has loaded what it needs; the module is to load no native code of its own.
  Deno.permissions.revokeSync({ name: "ffi" });
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
  const { run } = job;
  const ports: StartPorts = {
    freshOptimizer: () => buildOptimizer(job.definition),
    progress: (task, done, total) =>
      void channel.emit("progress", { task, done, total, step: run.step }),
    judged: (result) => void channel.emit("merge_gate", { step: run.step, ...result }),
    warn: (message) => void channel.emit("log", { level: "warn", message, source: "trainer" }),
  };
  const { distillation } = context;
  const onFinish = distillation === undefined || context.goal === "serve"
    ? undefined
    : await PhaseError.in("start", () => distill(job, distillation, ports, context.slices));
  const fork = await PhaseError.in("start", () => startRun(job.run, context, ports));
  const session = new Session({
    context,
    channel,
    definition: job.definition,
    run: job.run,
    ...onFinish && { onFinish },
  });
  attempt.session = session;
  channel.emit("session_started", {
    ...startedFields(job, backend, context),
    ...fork && { fork },
  });
  if (context.start.from === "checkpoint") announceRestored(session, context.config);
  else await session.trySave("start");
  await PhaseError.in("train", () => session.serving ? session.serve() : session.train());
}

/** Reports what ended the attempt. */
function reportFatal(channel: TrainerChannel, jobDir: string, thrown: unknown, step: number): void {
  const { phase, cause } = PhaseError.from("worker", thrown);
  const message = clipText(cause.message, ERROR_TEXT);
  const stacks = causesOf(cause).flatMap(({ stack }) => stack ? [moduleStack(stack, jobDir)] : []);
  const stack = stacks.length === 0 ? null : clipText(stacks.join("\nCaused by "), ERROR_TEXT);
  channel.emit("error", { message, stack, fatal: true, phase, step });
  channel.flush();
}

/** An error and what caused it: ours names the place, the module's own the line. */
function causesOf(error: Error): Error[] {
  const chain: Error[] = [];
  for (let next: unknown = error; next instanceof Error && chain.length < 5; next = next.cause) {
    // Not by `push`, which the module may have broken.
    chain[chain.length] = next;
  }
  return chain;
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
  // What a timer of the module throws comes here.
  addEventListener("error", (event) => {
    event.preventDefault();
    fail(PhaseError.from("module", event.error));
  });
  try {
    await work(context, channel, attempt);
    channel.flush();
    Deno.exit(0);
  } catch (error) {
    fail(error);
  }
}
