import type { Style } from "./style.ts";
import type { TrainingProgress } from "./training_progress.ts";

/** Widest bar, in columns. */
const WIDEST_BAR = 28;
/** Narrowest bar that still tells something. */
const NARROWEST_BAR = 6;

/**
 * Lines that show how far jobs are: name, bar, step, epoch, loss, accuracy, steps/s, time left. Their
 * columns stand below one another; what does not fit into `columns` is left out from the right.
 */
export function progressBars(
  jobs: readonly TrainingProgress[],
  columns: number,
  style: Style,
): string[] {
  const longest = Math.max(0, ...jobs.map(({ runName }) => runName.length));
  const nameWidth = Math.min(longest, Math.floor(columns / 3));
  const rows = aligned(jobs.map(figuresOf));
  const widths = rows[0]?.map((figure) => figure.length + 2) ?? [];
  const room = (kept: number) =>
    columns - nameWidth - 2 - widths.slice(0, kept).reduce((sum, width) => sum + width, 0);
  let kept = widths.length;
  while (kept > 1 && room(kept) < NARROWEST_BAR) kept--;
  const barWidth = Math.max(NARROWEST_BAR, Math.min(WIDEST_BAR, room(kept)));
  return jobs.map((job, row) => {
    const name = style.bold(job.runName.slice(0, nameWidth).padEnd(nameWidth));
    return [name, bar(job, barWidth, style), ...rows[row]!.slice(0, kept)].join("  ").trimEnd();
  });
}

/** The same figures without a bar, for output that is no terminal. */
export function progressLine(job: TrainingProgress): string {
  const figures = figuresOf(job).filter((figure) => figure !== "" && figure !== job.state);
  const tight = figures.map((figure) => figure.replaceAll(/ +/g, " ").trim());
  return [job.runName, job.state, ...tight].join("  ");
}

function bar({ step, steps, state }: TrainingProgress, width: number, style: Style): string {
  const share = steps === null || steps === 0 ? 0 : Math.min(1, step / steps);
  const done = Math.round(share * width);
  const paint = state === "failed" ? style.red : state === "running" ? style.cyan : style.green;
  return paint("━".repeat(done)) + style.dim("─".repeat(width - done));
}

/** Pads each column to its widest cell; a column without any figure is left out. */
function aligned(rows: readonly string[][]): string[][] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]!.length))) ??
    [];
  return rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).filter((_, column) =>
      widths[column]! > 0
    )
  );
}

/** One cell a figure, empty where there is none yet; wide enough that digits do not make it jump. */
function figuresOf(job: TrainingProgress): string[] {
  const { step, steps, epoch, epochs, loss, accuracy, stepsPerSecond, secondsLeft } = job;
  const standing = job.state === "running" ? "" : job.state;
  return [
    `step ${outOf(step, steps)}`,
    `epoch ${outOf(epoch, epochs)}`,
    loss === null ? "" : `loss ${loss.toFixed(4)}`,
    accuracy === null ? "" : `acc ${(accuracy * 100).toFixed(1).padStart(5)}%`,
    stepsPerSecond === null
      ? standing
      : `${String(Math.round(stepsPerSecond)).padStart(4)} steps/s`,
    secondsLeft === null ? "" : `${duration(secondsLeft)} left`,
  ];
}

function outOf(done: number, all: number | null): string {
  return all === null ? String(done) : `${String(done).padStart(String(all).length)}/${all}`;
}

/** `75` is `1:15`; hours come before when there are any. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const minutes = Math.floor(whole / 60) % 60;
  const tail = String(whole % 60).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}
