import { TextLineStream } from "@std/streams";

/** A program of the bench in a process of its own. Lines go in; it tells what it found by lines. */
export class BenchChild implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;

  /** @param program A file beside this one. */
  constructor(program: string, ...args: readonly (string | number)[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", new URL(program, import.meta.url).href, ...args.map(String)],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    const lines: ReadableStream<string> = this.#process.stdout
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    this.#lines = lines.getReader();
  }

  /** The next line that it prints. @throws {Error} when it has ended. */
  async line(): Promise<string> {
    const { value } = await this.#lines.read();
    if (value === undefined) throw new Error("the bench's child ended before it told all");
    return value;
  }

  /** Writes a line and resolves with the one it answers. */
  async ask(line: string): Promise<string> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
    return this.line();
  }

  /** Closes its input and waits for its end; after 2 s it is ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 2_000);
    // A child that has ended by itself takes no more input.
    await this.#input.close().catch(() => {});
    await this.#lines.cancel();
    await this.#process.status;
    clearTimeout(timer);
  }
}
