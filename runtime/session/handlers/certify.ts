import { z } from "zod";
import { Witness } from "../../certificate/witness.ts";
import { ReplayCommand } from "../../protocol/commands.ts";
import { CommandError } from "../command_error.ts";
import type { Handler } from "../command_router.ts";

/** Trains the steps behind this worker's checkpoint again and compares them with what was kept. */
export const certify: Handler<"certify"> = async (session, payload, applied) => {
  if (!session.serving) {
    throw new CommandError("only_serves", "a worker that trains its job cannot certify it");
  }
  applied();
  const commands = z.array(ReplayCommand).parse(payload.commands);
  const witness = new Witness(session.run, payload, session.channel);
  // One past the end: to its last step the run saves nothing and holds for nothing.
  const replay = { until_step: witness.untilStep + 1, commands };
  const again = session.again(witness.channel(), replay, () => witness.atBoundary());
  try {
    await again.train();
  } catch (error) {
    // `on_non_finite: raise` ended the run at this very step, then as now.
    if (!witness.complete) throw error;
  }
  if (!witness.complete) {
    throw new CommandError("cancelled", "nobody waits for the certificate any more");
  }
  return witness.result;
};
