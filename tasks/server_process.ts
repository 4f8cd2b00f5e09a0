import { TextLineStream } from "@std/streams";

/** A server of our own, in a process of its own. */
export interface ServerProcess {
  /** Address without a slash at its end. */
  readonly url: string;
  readonly pid: number;
  /** Resolves when the process has ended, with what it said last on standard error. */
  readonly ended: Promise<string>;
  /** Asks it to end, and after `graceMs` makes it. */
  stop(graceMs?: number): Promise<void>;
}

/** How a server is started. */
export interface ServerOptions {
  dataDir: string;
  /** Further flags of `main.ts serve`; port 0 takes a free one. */
  flags?: readonly string[];
}

/** Lines of standard error that are kept to tell why a server ended. */
const KEPT_LINES = 20;

/**
 * Starts `main.ts serve` on a free port and waits for its ready line.
 *
 * @throws {Error} with the end of its standard error, when it ends before that.
 */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const main = new URL("../main.ts", import.meta.url);
  const own = ["--port", "0", "--dashboard-port", "off", "--data-dir", options.dataDir];
  const flags = [...own, ...options.flags ?? []];
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main.href, "serve", ...flags],
    // Settings in our own environment are those of another server.
    env: Object.fromEntries(
      Object.entries(Deno.env.toObject()).filter(([name]) => !name.startsWith("ONTHEFLY_")),
    ),
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    // Ctrl-C at the terminal is ours to answer: the server closes when we ask it to, and once.
    detached: true,
  }).spawn();
  const ready = Promise.withResolvers<string>();
  const output = eachLine(process.stdout, (line) => {
    const [, url] = /^onthefly listening on (\S+)/.exec(line) ?? [];
    if (url !== undefined) ready.resolve(url);
  });
  const tail: string[] = [];
  const errors = eachLine(process.stderr, (line) => {
    tail.push(line);
    if (tail.length > KEPT_LINES) tail.shift();
  });
  const ended = Promise.all([process.status, output, errors]).then(() => tail.join("\n"));
  const died = ended.then((last) => {
    throw new Error(`the server ended before it was ready:\n${last}`);
  });
  // After the ready line nobody waits for it any more.
  died.catch(() => {});
  const url = await Promise.race([ready.promise, died]);
  return { url, pid: process.pid, ended, stop: (graceMs) => stop(process, ended, graceMs) };
}

async function stop(
  process: Deno.ChildProcess,
  ended: Promise<string>,
  graceMs = 12_000,
): Promise<void> {
  signal(process, "SIGTERM");
  const timer = setTimeout(() => signal(process, "SIGKILL"), graceMs);
  await ended;
  clearTimeout(timer);
}

function signal(process: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    process.kill(name);
  } catch (error) {
    // It may have ended by itself, which is what was wanted.
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (line: string) => void,
): Promise<void> {
  const lines: ReadableStream<string> = stream
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const line of lines) take(line);
}
