import type { TestResult } from "../protocol/commands.ts";
import { evaluate } from "../training/evaluate.ts";
import type { Session } from "./session.ts";

/**
 * Tests a split that the job has, at the weights as they are.
 *
 * @param label With one, a checkpoint of this step is saved and kept under it.
 */
export async function testSplit(
  { run, channel, gate, checkpoints, position }: Session,
  split: "train" | "val" | "test",
  label: string | null,
  type: "test_complete" | "auto_test_complete",
): Promise<TestResult> {
  const { step } = run;
  const { samples, loss, accuracy, metrics } = await evaluate(
    run,
    split,
    async ({ batch, batches, loss }) => {
      channel.emit("testStep", { step, split, batch, batches, loss });
      if (gate.due) await gate.breathe();
    },
  );
  const { newest } = checkpoints;
  const checkpoint = label === null
    ? newest?.step === step ? newest.checkpoint : null
    : await checkpoints.save(run, "explicit", label);
  const result = { split, samples, loss, accuracy, metrics, checkpoint };
  channel.emit(type, { ...position, ...result, label });
  return result;
}
