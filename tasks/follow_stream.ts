import { EventStreamParser, type StreamEvent } from "./event_stream.ts";
import { ProblemError } from "./problem_error.ts";

/** How {@linkcode followStream} goes about it. */
export interface FollowOptions {
  /** Ends the stream. */
  signal: AbortSignal;
  /** Goes on after this id. */
  after?: string | undefined;
  /** Told when the line is lost, and when it is back. */
  onLine?: ((state: "lost" | "back") => void) | undefined;
  /** Silence after which the line counts as lost, in milliseconds. The server says something every 15 s. */
  silenceMs?: number | undefined;
}

/** Longest pause between two attempts to reconnect, in milliseconds. */
const LONGEST_PAUSE_MS = 5_000;

/**
 * Reads an event stream and reconnects with the last id, so that each event comes exactly once.
 *
 * @param connect Opens the stream after the given id.
 * @throws {ProblemError} when the server refuses the stream: reconnecting would not help.
 */
export async function* followStream(
  connect: (lastEventId: string | undefined, signal: AbortSignal) => Promise<Response>,
  options: FollowOptions,
): AsyncGenerator<StreamEvent> {
  let lastEventId = options.after;
  let pauseMs = 100;
  let lost = false;
  while (!options.signal.aborted) {
    const parser = new EventStreamParser();
    const line = new AbortController();
    const signal = AbortSignal.any([options.signal, line.signal]);
    try {
      const response = await connect(lastEventId, signal);
      if (lost) options.onLine?.("back");
      lost = false;
      for await (const chunk of chunksOf(response, line, options.silenceMs ?? 45_000)) {
        const events = parser.push(chunk);
        pauseMs = parser.retryMs ?? 100;
        for (const event of events) {
          lastEventId = event.id;
          yield event;
        }
        // An id may come without an event: it says where the stream stands.
        if (parser.lastEventId !== "") lastEventId = parser.lastEventId;
      }
    } catch (error) {
      // A refusal stays one however often it is asked for; all else is a line that was cut.
      if (error instanceof ProblemError && error.problem.status < 500) throw error;
    } finally {
      line.abort();
    }
    if (options.signal.aborted) return;
    if (!lost) options.onLine?.("lost");
    lost = true;
    await pause(pauseMs, options.signal);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

async function* chunksOf(
  response: Response,
  line: AbortController,
  silenceMs: number,
): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  let timer = setTimeout(() => line.abort(), silenceMs);
  try {
    for await (const chunk of response.body) {
      clearTimeout(timer);
      yield chunk;
      timer = setTimeout(() => line.abort(), silenceMs);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves after `ms`, or at once when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
