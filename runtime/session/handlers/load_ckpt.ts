import { loadCheckpoint } from "../../checkpoints/checkpoint.ts";
import { announceHparams } from "../announce_hparams.ts";
import type { Handler } from "../command_router.ts";
import { restoreRun } from "../start.ts";

/** Rewinds the run to one of its checkpoints; what follows is a new take. */
export const loadCkpt: Handler<"load_ckpt"> = async (session, payload, applied) => {
  const { run, channel } = session;
  const { checkpoint, path, sha256 } = payload;
  const loaded = await loadCheckpoint(path, sha256);
  applied();
  const { optimizer: before, hparams } = run;
  restoreRun(run, session.freshOptimizer(), loaded);
  before.dispose();
  channel.emit("checkpoint_loaded", { checkpoint, ...session.position });
  announceHparams(session, hparams);
  session.checkpoints.newest = null;
  await session.trySave("rewind");
  return { checkpoint, step: run.step };
};
