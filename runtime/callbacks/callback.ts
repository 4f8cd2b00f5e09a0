/** What a callback may do. Both take effect at the batch boundary. */
export interface CallbackControl {
  /** Ends training as if the budget were spent. */
  stop(): void;
  /** Saves a checkpoint under a label; the newest of each label is kept. */
  save(label: string): Promise<void>;
}

/** Figures at a point of training; null where there is none. */
export interface CallbackFigures {
  step: number;
  epoch: number;
  loss: number | null;
  accuracy: number | null;
  valLoss: number | null;
  valAccuracy: number | null;
  /** The module's own metrics of the newest validation, by name. */
  metrics: Readonly<Record<string, number | null>>;
}

/** Numbers that a callback must keep from one step to the next. */
export type CallbackState = Record<string, number | null>;

type Moment = (figures: CallbackFigures, control: CallbackControl) => void | Promise<void>;

/**
 * Code that runs at points of training. What it decides must follow from the figures alone: recovery
 * trains the same steps again and expects the same decisions. What it remembers it captures, so that
 * a job that goes on elsewhere goes on alike.
 */
export interface Callback {
  onTrainBegin?: Moment;
  onTrainEnd?: Moment;
  onEpochBegin?: Moment;
  onEpochEnd?: Moment;
  onBatchBegin?: Moment;
  onBatchEnd?: Moment;
  onValidation?: Moment;
  capture?(): CallbackState;
  restore?(state: CallbackState): void;
}

/** A point of training at which callbacks run. */
export type CallbackMoment = Exclude<keyof Callback, "capture" | "restore">;
