import type { Style } from "./style.ts";
import type { TrainingProgress } from "./training_progress.ts";

/** Widest bar, in columns. */
const WIDEST_BAR = 28;
/** Narrowest bar that still tells something. */
const NARROWEST_BAR = 6;

/**
 * One line that shows how far a job is: name, bar, step, epoch, loss, accuracy, steps/s, time left.
 * What does not fit into `columns` is left out from the right.
 *
 * @param nameWidth Columns of the name, so that several lines stand in one row.
 */
export function progressBar(
  progress: TrainingProgress,
  columns: number,
  style: Style,
  nameWidth = progress.runName.length,
): string {
  const name = progress.runName.slice(0, nameWidth).padEnd(nameWidth);
  const figures = figuresOf(progress);
  const room = (kept: number) => columns - nameWidth - widthOf(figures.slice(0, kept)) - 2;
  let kept = figures.length;
  while (kept > 1 && room(kept) < NARROWEST_BAR) kept--;
  const width = Math.max(NARROWEST_BAR, Math.min(WIDEST_BAR, room(kept)));
  return [style.bold(name), bar(progress, width, style), ...figures.slice(0, kept)].join("  ");
}

/** The same without a bar, for output that is no terminal. */
export function progressLine(progress: TrainingProgress): string {
  return [progress.runName, progress.state, ...figuresOf(progress, true)].join("  ");
}

function bar(progress: TrainingProgress, width: number, style: Style): string {
  const { step, steps, state } = progress;
  const share = steps === null || steps === 0 ? 0 : Math.min(1, step / steps);
  const done = Math.round(share * width);
  const paint = state === "failed" ? style.red : state === "running" ? style.cyan : style.green;
  return paint("━".repeat(done)) + style.dim("─".repeat(width - done));
}

function widthOf(figures: readonly string[]): number {
  return figures.reduce((sum, figure) => sum + figure.length + 2, 0);
}

function figuresOf(progress: TrainingProgress, plain = false): string[] {
  const { step, steps, epoch, epochs, loss, accuracy, stepsPerSecond, secondsLeft } = progress;
  const total = steps === null ? "" : `/${steps}`;
  const figures = [`step ${String(step).padStart(plain ? 0 : total.length - 1)}${total}`];
  figures.push(`epoch ${epoch}${epochs === null ? "" : `/${epochs}`}`);
  if (loss !== null) figures.push(`loss ${loss.toFixed(4)}`);
  if (accuracy !== null) {
    figures.push(`acc ${(accuracy * 100).toFixed(1).padStart(plain ? 0 : 5)}%`);
  }
  if (stepsPerSecond !== null) figures.push(`${Math.round(stepsPerSecond)} steps/s`);
  if (secondsLeft !== null) figures.push(`${duration(secondsLeft)} left`);
  else if (!plain && progress.state !== "running") figures.push(progress.state);
  return figures;
}

/** `75` is `1:15`; hours come before when there are any. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const minutes = Math.floor(whole / 60) % 60;
  const tail = String(whole % 60).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}
