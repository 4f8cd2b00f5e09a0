import { keyedStream } from "../../determinism/rng.ts";
import { membersOf } from "../../data/fingerprint.ts";
import { writeReport } from "../../inspection/write_report.ts";
import { CommandError } from "../command_error.ts";
import type { Handler } from "../command_router.ts";
import type { Session } from "../session.ts";

/** Samples at once: few enough to answer a cancel soon, many enough that kernels are busy. */
const SMALLEST_BATCH = 256;
/** Ms between two events of progress. */
const TELL_EVERY_MS = 250;

/** Writes the loss and outcome of each sample of a split to files in a folder. */
export const scan: Handler<"scan"> = async (session, { folder, ...request }, applied) => {
  const { run } = session;
  const dataset = run.data[request.split];
  if (dataset === null) {
    throw new CommandError("no_such_split", `the job's data() gives no ${request.split} split`);
  }
  applied();
  run.enterPhase("evaluate", run.axisStep);
  return await writeReport({
    request,
    folder,
    dataset,
    handle: run.handle,
    loss: run.loss,
    indices: request.split === "train" && request.of === "parent" ? run.indices : null,
    originals: membersOf(dataset),
    embedding: run.embedding,
    random: keyedStream(run.ctx.seed, "selection", run.axisStep),
    batchSize: Math.max(run.config.batchSize, SMALLEST_BATCH),
    onBatch: tellProgress(session, "scan"),
  });
};

/** Tells now and then how far a task is; throws once nobody waits for it any more. */
export function tellProgress(
  session: Session,
  task: string,
): (done: number, total: number) => Promise<void> {
  let told = 0;
  return async (done, total) => {
    const { gate, channel, run } = session;
    if (gate.due) await gate.breathe();
    if (channel.ended) throw new CommandError("cancelled", `${task}: nobody waits for it any more`);
    if (done < total && performance.now() - told < TELL_EVERY_MS) return;
    told = performance.now();
    channel.emit("progress", { task, done, total, step: run.step });
  };
}
