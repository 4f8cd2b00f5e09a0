import { progressBars, progressLine } from "./progress_bar.ts";
import { createStyle, type Style } from "./style.ts";
import type { TrainingProgress } from "./training_progress.ts";

/** Where a display writes. */
export interface Terminal {
  /** False when the output is a file or a pipe: then there are plain lines only. */
  readonly interactive: boolean;
  columns(): number;
  write(text: string): void;
  readonly style: Style;
}

/** Standard output of this process. */
export function standardTerminal(): Terminal {
  const interactive = Deno.stdout.isTerminal();
  const encoder = new TextEncoder();
  return {
    interactive,
    columns: () => interactive ? Deno.consoleSize().columns : 100,
    write: (text) => {
      const bytes = encoder.encode(text);
      for (let written = 0; written < bytes.length;) {
        written += Deno.stdout.writeSync(bytes.subarray(written));
      }
    },
    style: createStyle(interactive && !Deno.noColor),
  };
}

/** Least time between two drawings on a terminal, and between two plain lines, in milliseconds. */
const REDRAW_MS = 60;
const PLAIN_MS = 2_000;

/**
 * Progress bars at the foot of the output, one a job, with ordinary lines above them. Where there
 * is no terminal, a plain line a job now and then.
 */
export class ProgressDisplay {
  readonly #terminal: Terminal;
  readonly #now: () => number;
  #bars: () => readonly TrainingProgress[] = () => [];
  #drawn = 0;
  #drawnAt = -Infinity;

  constructor(terminal: Terminal, now: () => number = () => performance.now()) {
    this.#terminal = terminal;
    this.#now = now;
  }

  get style(): Style {
    return this.#terminal.style;
  }

  /** Shows these bars from now on; asks for them, and draws, when the last drawing is old enough. */
  update(bars: () => readonly TrainingProgress[]): void {
    this.#bars = bars;
    const every = this.#terminal.interactive ? REDRAW_MS : PLAIN_MS;
    if (this.#now() - this.#drawnAt >= every) this.draw();
  }

  /** Draws now. */
  draw(): void {
    this.#drawnAt = this.#now();
    if (this.#terminal.interactive) return this.#terminal.write(this.#erased() + this.#lines());
    for (const bar of this.#bars()) this.#terminal.write(`${progressLine(bar)}\n`);
  }

  /** Writes a line above the bars. */
  line(text = ""): void {
    if (!this.#terminal.interactive) return this.#terminal.write(`${text}\n`);
    this.#terminal.write(`${this.#erased()}${text}\n${this.#lines()}`);
  }

  /** Leaves the bars where they stand; what follows comes below. */
  end(): void {
    this.draw();
    this.#bars = () => [];
    this.#drawn = 0;
  }

  #erased(): string {
    return this.#drawn === 0 ? "" : `\x1b[${this.#drawn}F\x1b[J`;
  }

  #lines(): string {
    const { columns, style } = this.#terminal;
    const lines = progressBars(this.#bars(), columns() - 1, style);
    this.#drawn = lines.length;
    return lines.map((line) => `${line}\n`).join("");
  }
}
