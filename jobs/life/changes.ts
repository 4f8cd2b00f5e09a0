/** Something that changes, and whoever waits for it to be in a certain way. */
export class Changes {
  #changed = Promise.withResolvers<void>();

  /** Something changed: whoever waits looks again. */
  signal(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Resolves with the probe's answer once it has one; asked again at every change. */
  async until<T>(probe: () => T | undefined): Promise<T> {
    for (;;) {
      const answer = probe();
      if (answer !== undefined) return answer;
      await this.#changed.promise;
    }
  }
}
