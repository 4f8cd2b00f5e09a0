import type { TrainerEvents, TrainerEventType } from "../protocol/events.ts";

const EVERY_MS = 250;
/** Where nobody watches the line change, lines are fewer. */
const EVERY_MS_IN_FILE = 5_000;

/** Where the figures of a script's training go when it is run in a terminal. */
export interface ProgressOutput {
  write(text: string): void;
  readonly terminal: boolean;
}

/** Standard error of this process. */
export function stderrOutput(): ProgressOutput {
  const encoder = new TextEncoder();
  return {
    write: (text) => void Deno.stderr.writeSync(encoder.encode(text)),
    terminal: Deno.stderr.isTerminal(),
  };
}

/** Tells how a run gets on: one line that changes in a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #output: ProgressOutput;
  readonly #name: string;
  #last = -Infinity;
  #open = false;

  constructor(output: ProgressOutput, name: string) {
    this.#output = output;
    this.#name = name;
  }

  /** Sees an event of the run. */
  see<T extends TrainerEventType>(type: T, fields: TrainerEvents[T]): void {
    if (type === "trainStep") return this.#step(fields as TrainerEvents["trainStep"]);
    const told = TOLD[type] as ((fields: TrainerEvents[T]) => string | null) | undefined;
    const line = told?.(fields) ?? null;
    if (line !== null) this.say(line);
  }

  /** A line of its own. */
  say(line: string): void {
    this.end();
    this.#output.write(`${this.#name}: ${line}\n`);
  }

  /** Leaves the line that changes. */
  end(): void {
    if (this.#open) this.#output.write("\n");
    this.#open = false;
  }

  #step({ step, epoch, loss, accuracy, throughput }: TrainerEvents["trainStep"]): void {
    const now = performance.now();
    const { terminal, write } = this.#output;
    if (now - this.#last < (terminal ? EVERY_MS : EVERY_MS_IN_FILE)) return;
    this.#last = now;
    const figures = [
      `epoch ${epoch + 1}`,
      `step ${step}`,
      `loss ${figure(loss)}`,
      ...(accuracy === null ? [] : [`accuracy ${figure(accuracy)}`]),
      `${Math.round(throughput ?? 0)} samples/s`,
    ];
    const line = `${this.#name}: ${figures.join("  ")}`;
    write(terminal ? `\r\x1b[K${line}` : `${line}\n`);
    this.#open = terminal;
  }
}

type Told = { readonly [T in TrainerEventType]?: (fields: TrainerEvents[T]) => string | null };

const TOLD: Told = {
  validation: ({ epoch, val_loss, val_accuracy }) =>
    `epoch ${epoch}  val_loss ${figure(val_loss)}` +
    (val_accuracy === null ? "" : `  val_accuracy ${figure(val_accuracy)}`),
  auto_test_complete: ({ split, loss, accuracy }) =>
    `${split}  loss ${figure(loss)}` + (accuracy === null ? "" : `  accuracy ${figure(accuracy)}`),
  test_complete: ({ split, loss }) => `${split}  loss ${figure(loss)}`,
  paused: ({ step, reason }) => `paused at step ${step} (${reason})`,
  resumed: ({ step }) => `goes on at step ${step}`,
  error: ({ message }) => message,
  log: ({ level, message }) => level === "debug" ? null : message,
  trainingFinished: ({ step, reason }) => `finished at step ${step} (${reason})`,
};

function figure(value: number | null): string {
  return value === null ? "-" : value.toPrecision(4);
}
