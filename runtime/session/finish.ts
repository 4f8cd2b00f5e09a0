import type { Session } from "./session.ts";
import { testSplit } from "./test_split.ts";

/**
 * What follows the last step of a budget: a checkpoint, the automatic test, and the hold after it,
 * which ends when somebody resumes, stops or releases the run.
 *
 * @param lastWord May give the model other weights; absent where nobody does.
 */
export async function finish(
  session: Session,
  lastWord?: () => Promise<"kept" | "fallback_best">,
): Promise<void> {
  const { run } = session;
  // Held after its test already, and resumed, maybe in another worker.
  if (run.testedAt === run.step) return;
  // A checkpoint of this step may be of the weights before.
  if (await lastWord?.() === "fallback_best") session.checkpoints.newest = null;
  await session.trySave("final");
  if (!run.config.testAfter || run.data.test === null) return;
  await testSplit(session, "test", null, "auto_test_complete");
  if (run.config.pauseAfterTest) await holdAfterTest(session);
}

async function holdAfterTest(session: Session): Promise<void> {
  const { run, checkpoints, channel, gate, position } = session;
  run.testedAt = run.step;
  session.goal = "paused";
  // The final checkpoint is of this step too, but knows nothing of the test.
  checkpoints.newest = null;
  const checkpoint = await session.trySave("pause");
  channel.emit("paused", { ...position, reason: "test", checkpoint });
  await gate.hold(() => session.goal === "paused");
}
