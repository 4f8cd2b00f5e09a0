import type { JobDefinition, Model } from "../job_definition.ts";
import type { SessionEnd } from "../session/session.ts";
import { fitDefinition, type FitParts } from "./fit_definition.ts";
import { ScriptRun } from "./script_run.ts";
import type { TrainerOptions } from "./trainer_options.ts";

/** What a fit came to. */
export interface FitResult {
  /** Why it ended. */
  end: SessionEnd;
  step: number;
  epoch: number;
  /** Mean loss of the last validation; null when there was none. */
  valLoss: number | null;
  /** The trained model. */
  model: Model;
  /** Path of the newest checkpoint; null when none could be written. */
  checkpoint: string | null;
  /** The run as a job of the server that took it; null when there was none. */
  job: string | null;
}

/**
 * Trains in a script of one's own, and lets a server watch and steer whenever there is one: before,
 * during or after the start. The training is a worker's, step by step; the server may come and go.
 *
 * @example
 * ```ts ignore
 * import { tensorDataset, Trainer } from "onthefly";
 * import * as tf from "@tensorflow/tfjs";
 *
 * const trainer = new Trainer({ project: "xor", runName: "script", maxEpochs: 200, batchSize: 4 });
 * await trainer.fit({
 *   model: tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] }),
 *   optimizer: tf.train.adam(0.1),
 *   loss: "meanSquaredError",
 *   train: tensorDataset(tf.tensor2d([[0, 0], [1, 1]]), tf.tensor2d([[0], [1]])),
 * });
 * ```
 */
export class Trainer {
  static #fitting = false;
  readonly #options: TrainerOptions;
  readonly #sessionId = `script-${crypto.randomUUID()}`;
  #run: ScriptRun | null = null;

  /** Nothing happens before `fit()`. */
  constructor(options: TrainerOptions = {}) {
    this.#options = options;
  }

  /** Trains a job definition: the module that is posted to a server also runs as a script. */
  static async fit(definition: JobDefinition, options: TrainerOptions = {}): Promise<FitResult> {
    return await new Trainer(options).fit(definition);
  }

  /**
   * Trains until the budget is spent or somebody stops it.
   *
   * @throws {Error} of the model, the data or the loss, as they threw it; another fit at the same
   * time in this process, since `Math.random` and the backend are the process's.
   */
  async fit(given: FitParts | JobDefinition): Promise<FitResult> {
    if (Trainer.#fitting) throw new Error("another fit() is under way in this process");
    Trainer.#fitting = true;
    const definition = withDefaults(fitDefinition(given), this.#options.sessionDefaults);
    const run = new ScriptRun(this.#options, definition, this.#sessionId);
    this.#run = run;
    try {
      // Backends register themselves when they are imported, which would move a script's tensors.
      const { trainHere } = await import("./train_here.ts");
      return await trainHere(definition, run, this.#options);
    } finally {
      this.#run = null;
      Trainer.#fitting = false;
      await run.close();
    }
  }

  /** Hangs up, should a fit be under way; the fit itself goes on. */
  async close(): Promise<void> {
    await this.#run?.hangUp();
  }
}

function withDefaults(
  definition: JobDefinition,
  defaults: TrainerOptions["sessionDefaults"],
): JobDefinition {
  return { ...definition, config: { ...defaults, ...definition.config } };
}
