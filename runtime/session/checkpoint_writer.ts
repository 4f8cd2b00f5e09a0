import type { WrittenFile } from "../checkpoints/atomic_write.ts";
import { saveInBackground } from "../checkpoints/background_save.ts";
import {
  captureCheckpoint,
  type CheckpointSnapshot,
  saveCheckpoint,
} from "../checkpoints/checkpoint.ts";
import type { TrainerChannel } from "../protocol/channel.ts";
import type { LaunchContext } from "../protocol/commands.ts";
import type { SaveReason } from "../protocol/events.ts";
import type { TrainingRun } from "../training/training_run.ts";

/** Ring checkpoints are at least this far apart, in ms; a save that was asked for never waits. */
const RING_GAP_MS = 2_000;

/** From this size on a ring checkpoint is written by a thread while training goes on. */
const BACKGROUND_BYTES = 1 << 20;

/** A run at one step, to be written. */
interface TakenSnapshot {
  snapshot: CheckpointSnapshot;
  checkpoint: number;
  file: string;
  path: string;
  step: number;
  axisStep: number;
  epoch: number;
}

/** Writes an attempt's checkpoints, numbers them, and announces each one. */
export class CheckpointWriter {
  #next: number;
  #lastSaved = -Infinity;
  /** The newest checkpoint and the step it stands at; null before the first. */
  newest: { checkpoint: number; step: number } | null;
  /** Where the run began, if this worker began it. */
  start: { path: string; sha256: string } | null = null;
  /** The ring checkpoint that a thread is writing. */
  #underWay: Promise<void> | null = null;
  readonly #context: LaunchContext;
  readonly #channel: TrainerChannel;

  constructor(context: LaunchContext, channel: TrainerChannel) {
    this.#context = context;
    this.#channel = channel;
    this.#next = context.next_checkpoint;
    this.newest = null;
  }

  /** Saves when the cadence says so. A disk that refuses is reported, and training goes on. */
  async saveIfDue(run: TrainingRun): Promise<void> {
    const every = run.config.ckptEverySteps;
    if (every === null || run.step % every !== 0) return;
    if (this.#underWay !== null || performance.now() - this.#lastSaved < RING_GAP_MS) return;
    try {
      const taken = this.#take(run);
      const sizes = taken.snapshot.tensors.values().map(({ values }) => values.byteLength);
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      const saving = this.#saveRing(
        taken,
        bytes < BACKGROUND_BYTES ? saveCheckpoint : saveInBackground,
      );
      if (bytes < BACKGROUND_BYTES) return await saving;
      this.#underWay = saving.catch((error) => this.reportFailure(error, taken.step))
        .finally(() => this.#underWay = null);
    } catch (error) {
      this.reportFailure(error, run.step);
    }
  }

  /**
   * Resolves when nothing is being written any more. What asks for the run as it stands waits for
   * it: the log then has a checkpoint before everything that came after its step.
   */
  async settled(): Promise<void> {
    await this.#underWay;
  }

  /** Says that a checkpoint could not be written. */
  reportFailure(error: unknown, step: number): void {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `checkpoint not saved: ${reason}`;
    this.#channel.emit("error", { message, stack: null, fatal: false, phase: "checkpoint", step });
  }

  /** The newest checkpoint if it stands at this very step, else a new one. */
  async saveOnce(run: TrainingRun, reason: SaveReason): Promise<number> {
    await this.settled();
    const { newest } = this;
    if (newest !== null && newest.step === run.step) return newest.checkpoint;
    return await this.save(run, reason, null);
  }

  /** Saves now. @throws when the disk refuses; the number is used again then. */
  async save(run: TrainingRun, reason: SaveReason, label: string | null): Promise<number> {
    await this.settled();
    const taken = this.#take(run);
    const { bytes, sha256 } = await saveCheckpoint(taken.path, taken.snapshot);
    if (reason === "start") this.start = { path: taken.path, sha256 };
    return this.#announce(taken, { bytes, sha256 }, reason, label);
  }

  async #saveRing(taken: TakenSnapshot, write: typeof saveCheckpoint): Promise<void> {
    this.#announce(taken, await write(taken.path, taken.snapshot), "cadence", null);
  }

  #take(run: TrainingRun): TakenSnapshot {
    const checkpoint = this.#next;
    const file = `${String(checkpoint).padStart(6, "0")}.safetensors`;
    const { handle, optimizer, indices, valSlice, step, axisStep, epoch } = run;
    const { run_id, session_id, module } = this.#context;
    const snapshot = captureCheckpoint({
      handle,
      optimizer,
      indices,
      valSlice,
      state: { ...run.captureState(), job: run_id, session: session_id, module: module.sha256 },
    });
    const path = `${this.#context.checkpoint_dir}/${file}`;
    return { snapshot, checkpoint, file, path, step, axisStep, epoch };
  }

  #announce(
    { checkpoint, file, step, axisStep, epoch }: TakenSnapshot,
    { bytes, sha256 }: WrittenFile,
    reason: SaveReason,
    label: string | null,
  ): number {
    this.#next++;
    this.#lastSaved = performance.now();
    this.newest = { checkpoint, step };
    this.#channel.emit("checkpoint_saved", {
      checkpoint,
      step,
      axis_step: axisStep,
      epoch,
      file,
      bytes,
      sha256,
      reason,
      label,
    });
    return checkpoint;
  }
}
