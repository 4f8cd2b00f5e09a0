import { loadCheckpoint } from "../../checkpoints/checkpoint.ts";
import { toWireConfig } from "../../protocol/job_config.ts";
import { CommandError } from "../command_error.ts";
import type { Handler } from "../command_router.ts";
import { restoreRun } from "../start.ts";

/** Brings the run back to where it began; what follows is a new take. */
export const resetSession: Handler<"reset_session"> = async (session, _payload, applied) => {
  const { run, channel, checkpoints } = session;
  const { start } = checkpoints;
  if (start === null) {
    throw new CommandError("no_start", "this worker did not save the checkpoint that it began at");
  }
  const loaded = await loadCheckpoint(start.path, start.sha256);
  applied();
  const before = run.optimizer;
  restoreRun(run, session.freshOptimizer(), loaded);
  before.dispose();
  channel.emit("session_reset", { ...session.position, config: toWireConfig(run.hparams) });
  checkpoints.newest = null;
  await session.trySave("rewind");
  return {};
};
