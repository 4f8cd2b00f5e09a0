import { buildOptimizer } from "./build_optimizer.ts";
import type { JobDefinition, Model } from "../job_definition.ts";
import { directionsOf } from "../metrics/direction.ts";
import type { TrainerChannel } from "../protocol/channel.ts";
import type { LaunchContext } from "../protocol/commands.ts";
import type { SaveReason } from "../protocol/events.ts";
import { evaluate } from "../training/evaluate.ts";
import { type LoopHooks, type StepReport, trainLoop } from "../training/train_loop.ts";
import { buildModel, isModelFactory } from "../training/model_source.ts";
import { noTotals, type TrainingRun } from "../training/training_run.ts";
import type { CallbackFigures } from "../callbacks/callback.ts";
import { addToTotals } from "./add_to_totals.ts";
import { CallbackRunner } from "./callback_runner.ts";
import { CheckpointWriter } from "./checkpoint_writer.ts";
import { CommandRouter } from "./command_router.ts";
import { finish } from "./finish.ts";
import { PauseGate } from "./pause_gate.ts";
import { PhaseError } from "./phase_error.ts";
import { stepFields } from "./step_fields.ts";
import { Replay } from "./replay.ts";

/** What a session is made of. */
export interface SessionParts {
  context: LaunchContext;
  channel: TrainerChannel;
  definition: JobDefinition;
  run: TrainingRun;
  /** Looks on between two steps; absent where nobody does. */
  atBoundary?: () => Promise<void>;
  /** Has the last word on the weights when the budget is spent; absent where nobody has. */
  onFinish?: () => Promise<"kept" | "fallback_best">;
}

/** How a session ended. `released`: the line closed, the job goes on in a later worker. */
export type SessionEnd = "max_steps" | "max_epochs" | "callback" | "stopped" | "released";

/**
 * One attempt of a job in its worker: the training run, the gate at which commands take effect, the
 * checkpoints it writes. Its goal is running, paused or stopping; only commands, and a loss that is
 * not finite, change it, always at a batch boundary.
 */
export class Session {
  goal: "running" | "paused" | "stopping";
  readonly run: TrainingRun;
  readonly channel: TrainerChannel;
  readonly checkpoints: CheckpointWriter;
  readonly gate: PauseGate;
  readonly serving: boolean;
  readonly #definition: JobDefinition;
  readonly #router: CommandRouter;
  readonly #replay: Replay;
  readonly #callbacks: CallbackRunner;
  readonly #parts: SessionParts;
  /** What callbacks are told, step and epoch aside. */
  #newest: Omit<CallbackFigures, "step" | "epoch"> = NO_FIGURES;
  /** The job was paused before this worker began, and has yet to say so. */
  #restoresPause: boolean;

  constructor(parts: SessionParts) {
    const { context, channel, definition, run } = parts;
    this.#parts = parts;
    this.run = run;
    this.channel = channel;
    this.#definition = definition;
    this.serving = context.goal === "serve";
    this.goal = context.goal === "running" ? "running" : "paused";
    this.#restoresPause = context.goal === "paused";
    this.checkpoints = new CheckpointWriter(context, channel);
    this.#router = new CommandRouter(this);
    this.#replay = new Replay(context.replay);
    this.#callbacks = new CallbackRunner(
      run.callbacks,
      () => this.#figures,
      (label) => this.#saveLabelled(label),
    );
    this.gate = new PauseGate(
      channel,
      () => this.#router.drain(),
      (ms) => run.recent.amend("gate", ms),
    );
  }

  /** Trains until the budget is spent, or somebody stops or releases the job. */
  async train(): Promise<SessionEnd> {
    await this.#callbacks.run("onTrainBegin");
    const end = await this.#trainToEnd();
    if (end === "released") return end;
    await this.#callbacks.run("onTrainEnd");
    this.channel.emit("trainingFinished", { ...this.position, reason: end });
    return end;
  }

  /** Past its budget a run may be held, and given a larger one. */
  async #trainToEnd(): Promise<SessionEnd> {
    for (;;) {
      const reason = await trainLoop(this.run, this.#hooks());
      const end = reason === "left" ? this.#whyLeft() : reason;
      if (end === "released" || end === "stopped") return end;
      await finish(this, this.#parts.onFinish);
      if (this.goal !== "running") return this.#whyLeft();
      if (this.run.spent !== null || this.#callbacks.stopped) return end;
    }
  }

  #whyLeft(): "callback" | "stopped" | "released" {
    if (this.goal === "stopping") return "stopped";
    return this.#callbacks.stopped ? "callback" : "released";
  }

  /** Answers commands at the checkpoint and trains nothing, until the line closes. */
  async serve(): Promise<SessionEnd> {
    await this.#replayDue();
    await this.gate.hold(() => this.goal !== "stopping");
    return "released";
  }

  /** The same run in a session of its own, which trains what the log has of it again. */
  again(
    channel: TrainerChannel,
    replay: LaunchContext["replay"],
    atBoundary: () => Promise<void>,
  ): Session {
    const context = { ...this.#parts.context, goal: "running" as const, replay };
    return new Session({ ...this.#parts, context, channel, atBoundary });
  }

  /** The job's own step and epoch. */
  get position(): { step: number; epoch: number } {
    return { step: this.run.step, epoch: this.run.epoch };
  }

  /** An optimizer with no state, as the module makes it. */
  freshOptimizer(): TrainingRun["optimizer"] {
    return buildOptimizer(this.#definition);
  }

  /**
   * Makes the module's model anew; null where the module gives one that is made already, whose
   * weights may have seen anything.
   */
  get freshModel(): (() => Promise<Model>) | null {
    const { model } = this.#definition;
    if (typeof model !== "function" && !isModelFactory(model)) return null;
    return () => buildModel(model, this.run.ctx);
  }

  /** Saves unless the newest checkpoint is of this step; null, and an event, if the disk refuses. */
  async trySave(reason: SaveReason): Promise<number | null> {
    if (this.#replaying) return null;
    try {
      return await this.checkpoints.saveOnce(this.run, reason);
    } catch (error) {
      this.checkpoints.reportFailure(error, this.run.step);
      return null;
    }
  }

  /** Ends training at this boundary, with a checkpoint. */
  async stop(): Promise<number | null> {
    this.goal = "stopping";
    this.channel.emit("stopping", this.position);
    return await this.trySave("stop");
  }

  get #replaying(): boolean {
    return this.#replay.active(this.run.step);
  }

  #hooks(): LoopHooks {
    return {
      gate: () => this.#passGate(),
      onStepBegin: () => this.#onStepBegin(),
      onStep: (report) => this.#onStep(report),
      onEpochEnd: () => this.#onEpochEnd(),
      checkpoint: () => this.#replaying ? undefined : this.checkpoints.saveIfDue(this.run),
    };
  }

  async #passGate(): Promise<"go on" | "leave"> {
    await this.#parts.atBoundary?.();
    if (this.#replaying) {
      await this.#replayDue();
      if (this.#replaying) {
        if (this.gate.due) await this.gate.breathe();
        return this.channel.ended ? "leave" : "go on";
      }
    }
    if (this.gate.due) await this.gate.look();
    if (this.goal === "paused") await this.#hold();
    const leaves = this.goal === "stopping" || this.#callbacks.stopped || this.channel.ended;
    return leaves ? "leave" : "go on";
  }

  get #figures(): CallbackFigures {
    return { ...this.position, ...this.#newest };
  }

  /** While replaying, the checkpoint is there from the first time. */
  async #saveLabelled(label: string): Promise<void> {
    if (!this.#replaying) await this.checkpoints.save(this.run, "callback", label);
  }

  async #hold(): Promise<void> {
    if (this.#restoresPause) {
      this.#restoresPause = false;
      const checkpoint = await this.trySave("pause");
      this.channel.emit("paused", { ...this.position, reason: "command", checkpoint });
    }
    await this.gate.hold(() => this.goal === "paused");
  }

  async #replayDue(): Promise<void> {
    for (const command of this.#replay.due(() => this.run.step)) {
      await this.#router.replay(command);
    }
  }

  async #onStepBegin(): Promise<void> {
    if (this.run.sampler.capture().cursor === 0) await this.#callbacks.run("onEpochBegin");
    await this.#callbacks.run("onBatchBegin");
  }

  async #onStep(report: StepReport): Promise<void> {
    const { run } = this;
    addToTotals(run.totals, report);
    const { loss, accuracy } = report;
    this.#newest = { ...this.#newest, loss, accuracy };
    this.channel.emit("trainStep", stepFields(run, report));
    if (!report.applied && !report.backedOff) await this.#onNonFinite(report);
    await this.#callbacks.run("onBatchEnd");
    if (this.#validatesAt(run.step)) await this.#validate();
  }

  async #onNonFinite({ loss, gradNorm }: StepReport): Promise<void> {
    const { step, config } = this.run;
    const what = Number.isFinite(loss) ? `the gradient norm is ${gradNorm}` : `the loss is ${loss}`;
    const message = `${what} at step ${step}; the update was left out`;
    if (config.onNonFinite === "raise") throw PhaseError.from("train", new Error(message));
    this.channel.emit("error", { message, stack: null, fatal: false, phase: "train", step });
    if (config.onNonFinite === "skip" || this.#replaying || this.goal !== "running") return;
    if (config.onNonFinite === "stop") return void await this.stop();
    this.goal = "paused";
    const checkpoint = await this.trySave("pause");
    this.channel.emit("paused", { ...this.position, reason: "non_finite", checkpoint });
  }

  async #onEpochEnd(): Promise<void> {
    const { run } = this;
    const { samples, loss, correct } = run.totals;
    this.channel.emit("epoch_end", {
      ...this.position,
      loss: samples === 0 ? null : loss / samples,
      accuracy: samples === 0 || correct === null ? null : correct / samples,
    });
    run.totals = noTotals();
    const every = run.config.valEveryNEpochs;
    if (every > 0 && run.epoch % every === 0 && !this.#validatesAt(run.step)) {
      await this.#validate();
    }
    await this.#callbacks.run("onEpochEnd");
  }

  #validatesAt(step: number): boolean {
    const every = this.run.config.valEveryNSteps;
    return every > 0 && step % every === 0;
  }

  async #validate(): Promise<void> {
    const { run } = this;
    if (run.data.val === null) return;
    const breathe = async () => {
      if (this.gate.due) await this.gate.breathe();
    };
    const { samples, loss, accuracy, metrics } = await evaluate(run, "val", breathe);
    const slice = run.valSlice && await evaluate(run, "val", breathe, run.valSlice);
    run.valLoss = loss;
    if (loss !== null) run.schedule?.onValidation?.(loss);
    const directions = directionsOf(run.metrics, metrics);
    const figures = { samples, val_loss: loss, val_accuracy: accuracy, metrics, directions };
    this.channel.emit("validation", {
      ...this.position,
      ...figures,
      ...slice && {
        val_slice: { samples: slice.samples, loss: slice.loss, accuracy: slice.accuracy },
      },
    });
    this.#newest = { ...this.#newest, valLoss: loss, valAccuracy: accuracy, metrics };
    await this.#callbacks.run("onValidation");
  }
}

const NO_FIGURES = {
  loss: null,
  accuracy: null,
  valLoss: null,
  valAccuracy: null,
  metrics: {},
} as const;
