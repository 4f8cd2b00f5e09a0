import type { Logger } from "@logtape/logtape";
import { timingSafeEqual } from "node:crypto";
import { Hello, MAX_ATTACHED_LINE } from "../../runtime/protocol/attachment.ts";
import { PROTOCOL_VERSION } from "../../runtime/protocol/events.ts";
import { JobError } from "../errors.ts";
import { LineWriter } from "../workers/line_writer.ts";
import type { TrainerHost } from "./attach_desk.ts";
import type { AttachedLink } from "./attached_link.ts";
import { originalHello, OriginalTrainer } from "./original_trainer.ts";
import { RefusedError } from "./refused_error.ts";

/** What a {@linkcode TrainerServer} needs. */
export interface TrainerServerOptions {
  hostname: string;
  /** 0 takes a free one. */
  port: number;
  /** Demanded in the first line where it is not null. */
  token: string | null;
  /** Where the server's pages are. */
  serverUrl: string;
  host: TrainerHost;
  logger: Logger;
  /** How long a line may say nothing before its hello, in ms; 10 s when absent. */
  silenceMs?: number;
}

/** Lines at once; what comes beyond is turned away. */
const MAX_LINES = 256;
const READ_BYTES = 64 * 1024;

/**
 * Listens for the trainers of scripts. Whatever comes in on the port, a line that is no trainer's is
 * cut off with one line in the server's log, and nothing else comes of it.
 */
export class TrainerServer {
  readonly #options: TrainerServerOptions;
  readonly #listener: Deno.TcpListener;
  readonly #sockets = new Map<Deno.TcpConn, Promise<void>>();
  readonly #accepting: Promise<void>;

  /** @throws {Deno.errors.AddrInUse} when somebody else listens there. */
  constructor(options: TrainerServerOptions) {
    this.#options = options;
    const { hostname, port } = options;
    this.#listener = Deno.listen({ hostname, port });
    this.#accepting = this.#accept();
  }

  /** The port it listens on. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** Hangs up on everybody. */
  async close(): Promise<void> {
    this.#listener.close();
    for (const socket of this.#sockets.keys()) closeQuietly(socket);
    await Promise.all([this.#accepting, ...this.#sockets.values()]);
  }

  async #accept(): Promise<void> {
    try {
      for await (const socket of this.#listener) {
        if (this.#sockets.size >= MAX_LINES) {
          closeQuietly(socket);
          continue;
        }
        const served = this.#serve(socket).then(() => void this.#sockets.delete(socket));
        this.#sockets.set(socket, served);
      }
    } catch (error) {
      this.#options.logger.error("the trainers' port is closed: {error}", { error });
    }
  }

  async #serve(socket: Deno.TcpConn): Promise<void> {
    const { logger, silenceMs = 10_000 } = this.#options;
    const { hostname, port } = socket.remoteAddr;
    const peer = `${hostname}:${port}`;
    const writer = new LineWriter(socket.writable);
    const hangUp = () => closeQuietly(socket);
    let link: AttachedLink | null = null;
    let silent = false;
    const timer = setTimeout(() => {
      silent = true;
      hangUp();
    }, silenceMs);
    try {
      for await (const line of linesOf(socket)) {
        clearTimeout(timer);
        if (link !== null) link.receive(line);
        else if (line !== "") link = await this.#meet(line, { writer, hangUp });
      }
      if (link === null) throw new RefusedError("silent", "it said nothing");
    } catch (error) {
      const why = silent ? `it said nothing for ${silenceMs / 1_000} s` : reasonOf(error);
      if (why !== null) logger.warn("a trainer at {peer} was cut off: {why}", { peer, why });
      if (error instanceof RefusedError || error instanceof JobError) {
        const code = error instanceof RefusedError ? error.code : "unavailable";
        writer.write(JSON.stringify({ id: "hello", ok: false, error: code, detail: why }));
        await writer.flushed();
      }
    } finally {
      clearTimeout(timer);
      link?.end();
      hangUp();
    }
  }

  async #meet(
    line: string,
    parts: { writer: LineWriter; hangUp: () => void },
  ): Promise<AttachedLink> {
    const { host, token, serverUrl } = this.#options;
    const { hello, original } = parseHello(line);
    if (token !== null && !equal(hello.token ?? "", token)) {
      throw new RefusedError("bad_token", "the first line lacks the server's token");
    }
    if (hello.protocol !== PROTOCOL_VERSION) {
      const message = `it speaks protocol ${hello.protocol}, this server ${PROTOCOL_VERSION}`;
      throw new RefusedError("protocol_version", message);
    }
    const link = await host.attach(hello, { ...parts, serverUrl, original });
    // Its first line was an event already.
    if (original !== null) link.receive(line);
    return link;
  }
}

/** The hello of a line, or the one that an original trainer's first event stands for. */
function parseHello(line: string): { hello: Hello; original: OriginalTrainer | null } {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    throw new RefusedError("bad_hello", `its first line is no JSON: ${line.slice(0, 60)}`);
  }
  const parsed = Hello.safeParse(message);
  if (parsed.success) return { hello: parsed.data, original: null };
  const stood = originalHello(message);
  if (stood !== null) return { hello: stood, original: new OriginalTrainer(stood) };
  const { path, message: wrong } = parsed.error.issues[0]!;
  throw new RefusedError("bad_hello", `its first line is no hello: ${path.join(".")}: ${wrong}`);
}

/** Lines as they come; the last one counts only with its break. */
async function* linesOf(socket: Deno.TcpConn): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let head: string[] = [];
  let length = 0;
  const chunk = new Uint8Array(READ_BYTES);
  // Not through `socket.readable`, whose end would close the socket before a refusal is written.
  for (let count = await socket.read(chunk); count !== null; count = await socket.read(chunk)) {
    const parts = decoder.decode(chunk.subarray(0, count), { stream: true }).split("\n");
    for (const part of parts.slice(0, -1)) {
      yield head.length === 0 ? part : head.join("") + part;
      head = [];
      length = 0;
    }
    const rest = parts.at(-1)!;
    if (rest !== "") head.push(rest);
    length += rest.length;
    if (length > MAX_ATTACHED_LINE) {
      throw new RefusedError("long_line", `a line of more than ${MAX_ATTACHED_LINE} characters`);
    }
  }
}

/** Null for a line that just went dead. */
function reasonOf(error: unknown): string | null {
  if (error instanceof RefusedError || error instanceof JobError) return error.message;
  const dead = error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.BrokenPipe;
  return dead ? null : error instanceof Error ? `${error.name}: ${error.message}` : `${error}`;
}

function equal(given: string, expected: string): boolean {
  const encoder = new TextEncoder();
  const [a, b] = [encoder.encode(given), encoder.encode(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function closeQuietly(socket: Deno.TcpConn): void {
  try {
    socket.close();
  } catch {
    // It was closed already.
  }
}
