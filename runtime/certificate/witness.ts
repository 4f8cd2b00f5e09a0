import { captureCheckpoint, CheckpointError, loadCheckpoint } from "../checkpoints/checkpoint.ts";
import type { TrainerChannel } from "../protocol/channel.ts";
import type { CertifyPayload, CertifyResult } from "../protocol/certificate.ts";
import type { TrainerEvents } from "../protocol/events.ts";
import type { TrainingRun } from "../training/training_run.ts";
import { compareCheckpoint, type TensorDifference } from "./compare_checkpoint.ts";

const FIGURES = ["loss", "lr", "accuracy"] as const;

/** Looks on while a run is trained again, and finds where it parts from what was kept of it. */
export class Witness {
  readonly untilStep: number;
  readonly #run: TrainingRun;
  readonly #given: CertifyPayload;
  readonly #line: TrainerChannel;
  readonly #fromStep: number;
  #seen: number;
  #result: CertifyResult;

  /** @param line Where progress is told; it ends when nobody waits any more. */
  constructor(run: TrainingRun, given: CertifyPayload, line: TrainerChannel) {
    this.#run = run;
    this.#given = given;
    this.#line = line;
    this.#fromStep = run.step;
    this.#seen = run.step;
    this.untilStep = run.step + given.steps.length;
    this.#result = { steps: 0, compared: [], step: null, tensor: null };
  }

  /** Whether the last step was seen. */
  get complete(): boolean {
    return this.#seen >= this.untilStep;
  }

  /** What was found. */
  get result(): CertifyResult {
    return { ...this.#result, steps: this.#seen - this.#fromStep };
  }

  /** What the run speaks into: its steps are compared, nothing of it is told. */
  channel(): TrainerChannel {
    const line = this.#line;
    const left = () => this.complete || closed(line);
    let eventSeq = 0;
    return {
      emit: (type, fields) => {
        if (type === "trainStep") this.#compareStep(fields as TrainerEvents["trainStep"]);
        return ++eventSeq;
      },
      reply: () => {},
      fail: () => {},
      looks: line.looks,
      pending: false,
      poll: () => null,
      waitForCommand: () => Promise.resolve(),
      get ended() {
        return left();
      },
      durable: () => Promise.resolve(),
      flush: () => line.flush(),
      room: () => line.room(),
    };
  }

  /** Between two steps: compares the checkpoints that were saved here. */
  async atBoundary(): Promise<void> {
    const { step } = this.#run;
    const due = this.#given.checkpoints.filter((saved) => saved.step === step);
    for (const { checkpoint, path } of due) {
      this.#result.compared.push(checkpoint);
      if (this.#result.tensor !== null) continue;
      const difference = await this.#compare(path);
      if (difference !== null) this.#result.tensor = { step, checkpoint, ...difference };
    }
    this.#tellProgress(step);
  }

  /** A file that cannot be read differs as a whole. */
  async #compare(path: string): Promise<TensorDifference | null> {
    try {
      return compareCheckpoint(await loadCheckpoint(path, null), this.#snapshot());
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      return { tensor: "file", element: null, saved: error.message, recomputed: null };
    }
  }

  #compareStep({ step, loss, lr, accuracy }: TrainerEvents["trainStep"]): void {
    this.#seen = step;
    const logged = this.#given.steps[step - this.#fromStep - 1];
    if (logged === undefined || this.#result.step !== null) return;
    const found = [loss, lr, accuracy].map((figure) =>
      figure !== null && Number.isFinite(figure) ? figure : null
    );
    const at = found.findIndex((figure, at) => !Object.is(figure, logged[at]));
    if (at < 0) return;
    this.#result.step = {
      step,
      field: FIGURES[at]!,
      logged: logged[at]!,
      recomputed: found[at]!,
    };
  }

  #snapshot() {
    const { handle, optimizer, indices, valSlice } = this.#run;
    const state = this.#run.captureState();
    return captureCheckpoint({ handle, optimizer, indices, valSlice, state });
  }

  #tellProgress(step: number): void {
    const total = this.#given.steps.length;
    const done = step - this.#fromStep;
    if (done % Math.max(1, Math.floor(total / 50)) !== 0) return;
    this.#line.emit("progress", { task: "certificate", done, total, step });
  }
}

/** Looks at the line, as the gate would. */
function closed(line: TrainerChannel): boolean {
  return !line.pending && line.ended;
}
