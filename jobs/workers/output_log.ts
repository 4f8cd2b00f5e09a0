import type { TrainerEvent } from "../../runtime/protocol/events.ts";

/** Lines of output a second that become `log` events; what goes beyond is counted. */
export const MAX_LINES_A_SECOND = 200;

type Level = TrainerEvent<"log">["level"];
type Source = TrainerEvent<"log">["source"];

/**
 * Passes lines on as long as there are not too many: past {@linkcode MAX_LINES_A_SECOND} they are
 * counted, and one line says how many were dropped.
 */
export class OutputLog {
  readonly #write: (level: Level, source: Source, message: string) => void;
  #lines = 0;
  #dropped = 0;
  #window: ReturnType<typeof setTimeout> | undefined;

  constructor(write: (level: Level, source: Source, message: string) => void) {
    this.#write = write;
  }

  /** Passes a line on, or counts it. */
  line(level: Level, source: Source, message: string): void {
    this.#window ??= setTimeout(() => this.#endWindow(), 1_000);
    if (this.#lines++ < MAX_LINES_A_SECOND) this.#write(level, source, message);
    else this.#dropped++;
  }

  /** Says what was dropped and not yet said. Nothing is left running. */
  end(): void {
    clearTimeout(this.#window);
    this.#endWindow();
  }

  #endWindow(): void {
    const dropped = this.#dropped;
    this.#window = undefined;
    this.#lines = 0;
    this.#dropped = 0;
    if (dropped > 0) this.#write("warn", "trainer", `${dropped} lines dropped`);
  }
}
