import * as tf from "@tensorflow/tfjs";
import { checkHealth, trainsSteps } from "../../diagnostics/check_health.ts";
import type { HEALTH_COMMANDS, HealthCheck } from "../../protocol/health.ts";
import { CommandError } from "../command_error.ts";
import type { Handler } from "../command_router.ts";

type HealthCommand = (typeof HEALTH_COMMANDS)[HealthCheck];

/** Looks at the run where it stands and leaves it as it was, to the bit. */
export function health(check: HealthCheck): Handler<HealthCommand> {
  return async (session, payload, applied) => {
    const { run, channel, gate, serving } = session;
    if (!serving && run.steps.trainStep !== undefined && trainsSteps(run, check)) {
      throw new CommandError(
        "only_serves",
        `the ${check} check trains steps, and this worker could not take back what a trainStep ` +
          "of the module's own keeps to itself",
      );
    }
    applied();
    const report = await checkHealth(run, check, payload, {
      memory: workerMemory,
      onProgress: async (done, total) => {
        if (!gate.due) return;
        channel.emit("progress", { task: `health ${check}`, done, total, step: run.step });
        await gate.breathe();
      },
    });
    channel.emit("health", { ...session.position, ...report });
    return report;
  };
}

function workerMemory() {
  const { rss, heapUsed } = Deno.memoryUsage();
  return { rss, heap: heapUsed, tensorBytes: tf.memory().numBytes };
}
