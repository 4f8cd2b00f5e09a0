import { CommandError } from "../command_error.ts";
import type { Handler } from "../command_router.ts";

/** Lets training go on, with a larger budget if one is given. */
export const resume: Handler<"resume"> = (session, payload, applied) => {
  if (session.serving) {
    throw new CommandError(
      "only_serves",
      "this worker only answers commands; a training worker takes resume",
    );
  }
  applied();
  const { config } = session.run;
  session.run.config = {
    ...config,
    maxEpochs: payload.max_epochs ?? config.maxEpochs,
    maxSteps: payload.max_steps ?? config.maxSteps,
  };
  if (session.goal === "paused") {
    session.goal = "running";
    session.channel.emit("resumed", session.position);
  }
  return Promise.resolve({});
};
