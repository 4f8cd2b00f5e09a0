import { CommandError } from "../command_error.ts";
import type { Handler } from "../command_router.ts";
import { testSplit } from "../test_split.ts";

/** Tests a split; with a label the checkpoint of this step is kept under it. */
export const test: Handler<"test"> = async (session, { split, label }, applied) => {
  if (session.run.data[split] === null) {
    throw new CommandError("no_such_split", `the job's data() gives no ${split} split`);
  }
  applied();
  return await testSplit(session, split, label ?? null, "test_complete");
};
