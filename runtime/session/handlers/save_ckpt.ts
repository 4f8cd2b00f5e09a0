import type { Handler } from "../command_router.ts";

/** Saves a checkpoint of this step. A fork or merge takes the newest one when it is of this step. */
export const saveCkpt: Handler<"save_ckpt"> = async (session, { reason, label }, applied) => {
  applied();
  const { checkpoints, run } = session;
  const checkpoint = reason === "explicit"
    ? await checkpoints.save(run, reason, label ?? null)
    : await checkpoints.saveOnce(run, reason);
  return { checkpoint };
};
