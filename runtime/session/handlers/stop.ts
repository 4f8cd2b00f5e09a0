import type { Handler } from "../command_router.ts";

/** Ends training here, with a checkpoint. */
export const stop: Handler<"stop"> = async (session, _payload, applied) => {
  applied();
  return { checkpoint: await session.stop() };
};
