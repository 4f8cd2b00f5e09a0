/** Keeps the last lines of a text that may be long: at most `lines`, and at most `characters`. */
export class TextTail {
  #lines: string[] = [];
  #characters = 0;

  constructor(readonly lines: number, readonly characters: number) {}

  /** Adds a line, and forgets the oldest that there is no room for. */
  add(line: string): void {
    const kept = line.slice(-this.characters);
    this.#lines.push(kept);
    this.#characters += kept.length;
    while (this.#lines.length > this.lines || this.#characters > this.characters) {
      this.#characters -= this.#lines.shift()?.length ?? 0;
    }
  }

  /** What is kept, line by line. */
  text(): string {
    return this.#lines.join("\n");
  }
}
