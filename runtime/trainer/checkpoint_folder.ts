import type { TrainerEvents } from "../protocol/events.ts";

/** A run's checkpoint files: the newest few stay in the script's folder, a server gets links. */
export class CheckpointFolder {
  readonly #kept: string[] = [];
  /** The first one, for a reset: it stays beside the newest. */
  #start: string | null = null;
  #server: string | null = null;

  /** @param folder Where the session writes. @param keep How many stay. */
  constructor(
    readonly folder: string,
    readonly keep: number,
    readonly warn: (why: string) => void,
  ) {}

  /** The newest checkpoint's path; null before the first. */
  get newest(): string | null {
    const file = this.#kept.at(-1) ?? this.#start;
    return file === null ? null : `${this.folder}/${file}`;
  }

  /** A server wants its own, also of those that are there. */
  attach(server: string): void {
    this.#server = server;
    if (this.#start !== null) this.#give(this.#start);
    for (const file of this.#kept) this.#give(file);
  }

  detach(): void {
    this.#server = null;
  }

  /** A checkpoint is whole: what the server is told of, it has. */
  saved({ file, reason }: TrainerEvents["checkpoint_saved"]): void {
    if (reason === "start") this.#start = file;
    else this.#kept.push(file);
    this.#give(file);
    while (this.#kept.length > this.keep) {
      const dropped = this.#kept.shift()!;
      if (!this.#kept.includes(dropped)) Deno.removeSync(`${this.folder}/${dropped}`);
    }
  }

  #give(file: string): void {
    if (this.#server === null) return;
    const from = `${this.folder}/${file}`;
    const to = `${this.#server}/${file}`;
    try {
      Deno.linkSync(from, to);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) this.#copy(from, to);
    }
  }

  /** Another file system: the bytes themselves, whole or not at all. */
  #copy(from: string, to: string): void {
    try {
      Deno.copyFileSync(from, `${to}.part`);
      Deno.renameSync(`${to}.part`, to);
    } catch (error) {
      this.#server = null;
      const why = error instanceof Error ? error.message : String(error);
      this.warn(`checkpoints stay with the script, the server cannot have them: ${why}`);
    }
  }
}
