import type * as tf from "@tensorflow/tfjs";
import type { AnyDataset } from "../data/sample_dataset.ts";
import type { JobDefinition, Model } from "../job_definition.ts";
import { isModelFactory } from "../training/model_source.ts";

/** What `fit()` trains: the parts themselves, or factories of them. */
export interface FitParts extends Omit<JobDefinition, "model" | "optimizer" | "data"> {
  /** A model, trained in place, or a function or `{ factory, args }` that makes one. */
  model: Model | JobDefinition["model"];
  /** An optimizer of `tf.train`, or a factory. */
  optimizer: tf.Optimizer | JobDefinition["optimizer"];
  /** What training draws from. */
  train: AnyDataset;
  /** What validation looks at. */
  val?: AnyDataset;
  /** What tests look at. */
  test?: AnyDataset;
}

/** The definition of a job that is trained right here. */
export function fitDefinition(given: FitParts | JobDefinition): JobDefinition {
  if ("data" in given) return given;
  const { model, optimizer, train, val, test, ...rest } = given;
  return {
    ...rest,
    model: typeof model === "function" || isModelFactory(model) ? model : () => model,
    optimizer: typeof optimizer === "function" ? optimizer : optimizerFactory(optimizer),
    data: () => ({ train, val, test }),
  };
}

/** The optimizer itself at first; a rewind then gets new ones of the same settings. */
function optimizerFactory(given: tf.Optimizer): () => tf.Optimizer {
  let first = true;
  const config = given.getConfig();
  return () => {
    if (first) {
      first = false;
      return given;
    }
    type OptimizerClass = {
      fromConfig(cls: unknown, config: ReturnType<tf.Optimizer["getConfig"]>): tf.Optimizer;
    };
    const optimizerClass = given.constructor as unknown as OptimizerClass;
    return optimizerClass.fromConfig(optimizerClass, config);
  };
}
