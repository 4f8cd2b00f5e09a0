import { stripVTControlCharacters } from "node:util";

/** What a child process was, once it has ended. */
export interface CommandResult {
  code: number;
  /** Both of its outputs, as they were printed, without colours. */
  output: string;
}

/**
 * Runs Deno itself with these arguments and prints what it prints.
 * The binary is the one that runs this: on a machine with only Node there is none on the path.
 */
export async function runDeno(
  args: readonly string[],
  options: { cwd: string },
): Promise<CommandResult> {
  const color = !Deno.noColor && Deno.stdout.isTerminal();
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: options.cwd,
    env: color ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const text: string[] = [];
  const [{ code }] = await Promise.all([
    child.status,
    pass(child.stdout, Deno.stdout, text),
    pass(child.stderr, Deno.stderr, text),
  ]);
  return { code, output: stripVTControlCharacters(text.join("")) };
}

async function pass(
  from: ReadableStream<Uint8Array<ArrayBuffer>>,
  to: { writeSync(bytes: Uint8Array): number },
  text: string[],
): Promise<void> {
  const decoder = new TextDecoder();
  for await (const bytes of from) {
    for (let written = 0; written < bytes.length;) {
      written += to.writeSync(bytes.subarray(written));
    }
    text.push(decoder.decode(bytes, { stream: true }));
  }
}
