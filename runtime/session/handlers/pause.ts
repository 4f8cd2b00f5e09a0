import type { Handler } from "../command_router.ts";

/** Holds training at this boundary. Pausing what is paused changes nothing and says so truthfully. */
export const pause: Handler<"pause"> = async (session, _payload, applied) => {
  applied();
  const already = session.goal === "paused";
  session.goal = "paused";
  const checkpoint = await session.trySave("pause");
  if (!already) {
    session.channel.emit("paused", { ...session.position, reason: "command", checkpoint });
  }
  return { checkpoint };
};
