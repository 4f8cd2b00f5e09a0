import * as tf from "@tensorflow/tfjs";
import type { JobContext, Model, ModelFactory, ModelSource } from "../job_definition.ts";
import { JobConfigError, type ModelArgs } from "../protocol/job_config.ts";

/** Whether a model is given as `{ factory, args }`. */
export function isModelFactory(source: unknown): source is ModelFactory {
  return typeof source === "object" && source !== null &&
    "factory" in source && typeof source.factory === "function";
}

/** Whether a module's `model` is something that a model can be made of. */
export function isModelSource(source: unknown): source is ModelSource {
  return typeof source === "function" || source instanceof tf.LayersModel || isModelFactory(source);
}

/**
 * The arguments of a module's factory, with the values that config gives; none for other sources.
 *
 * @throws {JobConfigError} for an argument that the module does not have, or one of another kind.
 */
export function modelArgs(source: ModelSource, given: ModelArgs): ModelArgs {
  const own: ModelArgs = isModelFactory(source) ? source.args ?? {} : {};
  for (const [name, value] of Object.entries(given)) {
    const refuse = (what: string) =>
      new JobConfigError("model_args", `config.model_args: ${name} ${what}`);
    const there = Object.hasOwn(own, name) ? own[name] : undefined;
    if (there === undefined) {
      const known = Object.keys(own).join(", ");
      throw refuse(`is no argument of the module's model; it has ${known === "" ? "none" : known}`);
    }
    if (there !== null && kindOf(there) !== kindOf(value)) {
      throw refuse(`must be ${kindOf(there)}, as in the module, not ${kindOf(value)}`);
    }
  }
  return { ...own, ...given };
}

/**
 * Makes a job's model anew. A model that exists is cloned by its config, with its weights; it stays
 * as it is.
 *
 * @throws {TypeError} for a model that cannot be cloned, such as one with a class of its own.
 */
export async function buildModel(source: ModelSource, ctx: JobContext): Promise<Model> {
  if (typeof source === "function") return await source(ctx);
  if (isModelFactory(source)) return await source.factory(ctx.config.modelArgs, ctx);
  return await cloneModel(source);
}

async function cloneModel(live: tf.LayersModel): Promise<tf.LayersModel> {
  const topology: unknown = live.toJSON(null, false);
  let clone: tf.LayersModel;
  try {
    clone = await tf.models.modelFromJSON(
      topology as Parameters<typeof tf.models.modelFromJSON>[0],
    );
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(
      `the LayersModel cannot be made anew from its config: ${why} ` +
        "Give model as a function, or register its classes with tf.serialization.registerClass",
      { cause },
    );
  }
  // Layers of a clone have the names of their originals, so weights come in the same order.
  clone.setWeights(live.getWeights());
  return clone;
}

function kindOf(value: ModelArgs[string]): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
