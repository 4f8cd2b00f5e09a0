import type * as tf from "@tensorflow/tfjs";
import { momentumOf } from "../checkpoints/momentum.ts";
import { OptimizerGroup } from "../checkpoints/optimizer_group.ts";
import type { JobDefinition } from "../job_definition.ts";
import type { LaunchContext } from "../protocol/commands.ts";
import { type JobConfig, JobConfigError } from "../protocol/job_config.ts";

/** A new optimizer as the module makes it, or all that it makes as one. */
export function buildOptimizer(definition: JobDefinition): tf.Optimizer {
  const made: unknown = definition.optimizer();
  if (isOptimizer(made)) return made;
  const members = Object.entries(made ?? {}) as [string, unknown][];
  if (members.length === 0 || !members.every(([, each]) => isOptimizer(each))) {
    throw new TypeError(
      "optimizer() must return a tf.Optimizer, such as tf.train.adam(1e-3), or several by name",
    );
  }
  if (definition.trainStep === undefined) {
    throw new TypeError(
      `optimizer() returns several (${members.map(([name]) => name).join(", ")}), which needs a ` +
        "trainStep that says what each moves",
    );
  }
  const strange = members.find(([name]) => !/^\w{1,64}$/.test(name));
  if (strange === undefined) {
    return new OptimizerGroup(Object.fromEntries(members) as Record<string, tf.Optimizer>);
  }
  throw new TypeError(`optimizer(): "${strange[0]}" is no name of letters, digits and _`);
}

function isOptimizer(made: unknown): made is tf.Optimizer {
  const { applyGradients, getClassName } = (made ?? {}) as Partial<tf.Optimizer>;
  return typeof applyGradients === "function" && typeof getClassName === "function";
}

/**
 * A momentum that somebody asked for; one that a child inherits may be of another optimizer.
 *
 * @throws {JobConfigError} when the optimizer has none.
 */
export function checkMomentum(
  optimizer: tf.Optimizer,
  { momentum }: JobConfig,
  start: LaunchContext["start"] | undefined,
): void {
  const from = start?.from ?? "scratch";
  const asked = start?.from === "fork" && (start.overrides ?? []).includes("momentum");
  if (momentum === null || momentumOf(optimizer) !== null) return;
  if (from !== "scratch" && !asked) return;
  throw new JobConfigError(
    "momentum",
    `config.momentum: optimizer ${optimizer.getClassName()} has none; Momentum and RMSProp have`,
  );
}
