import { assertEquals, assertRejects } from "@std/assert";
import { followStream } from "../../tasks/follow_stream.ts";
import { ProblemError } from "../../tasks/problem_error.ts";

/** A stream of numbered events that cuts the line after `perLine` of them. */
function numberedEvents(perLine: number, total: number) {
  const asked: (string | undefined)[] = [];
  const connect = (lastEventId: string | undefined): Promise<Response> => {
    asked.push(lastEventId);
    const from = Number(lastEventId ?? 0) + 1;
    const to = Math.min(total, from + perLine - 1);
    let text = "retry: 1\n\n";
    for (let id = from; id <= to; id++) text += `id: ${id}\nevent: n\ndata: ${id}\n\n`;
    return Promise.resolve(new Response(text));
  };
  return { asked, connect };
}

Deno.test("followStream() goes on after a cut line: every event once, in order", async () => {
  const { asked, connect } = numberedEvents(3, 8);
  const leaving = new AbortController();
  const lines: string[] = [];
  const seen: string[] = [];
  const options = { signal: leaving.signal, onLine: (state: string) => lines.push(state) };
  for await (const event of followStream(connect, options)) {
    seen.push(event.data);
    if (event.data === "8") break;
  }
  assertEquals(seen, ["1", "2", "3", "4", "5", "6", "7", "8"]);
  assertEquals(asked, [undefined, "3", "6"]);
  assertEquals(lines, ["lost", "back", "lost", "back"]);
});

Deno.test("followStream() begins after the given id", async () => {
  const { asked, connect } = numberedEvents(3, 9);
  const options = { signal: new AbortController().signal, after: "7" };
  for await (const event of followStream(connect, options)) {
    if (event.data === "9") break;
  }
  assertEquals(asked, ["7"]);
});

Deno.test("followStream() takes a silent line for a lost one", async () => {
  let lines = 0;
  const connect = (_: unknown, signal: AbortSignal): Promise<Response> => {
    if (++lines === 2) return Promise.resolve(new Response("id: 1\ndata: back\n\n"));
    const silent = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) =>
        signal.addEventListener("abort", () => controller.error(signal.reason), { once: true }),
    });
    return Promise.resolve(new Response(silent));
  };
  const options = { signal: new AbortController().signal, silenceMs: 5 };
  for await (const event of followStream(connect, options)) {
    assertEquals(event.data, "back");
    break;
  }
  assertEquals(lines, 2);
});

Deno.test("followStream() throws what the server refuses", async () => {
  const refusal = new ProblemError({ title: "no", status: 404, detail: "there is no job x" });
  const events = followStream(() => Promise.reject(refusal), {
    signal: new AbortController().signal,
  });
  await assertRejects(() => events.next(), ProblemError, "there is no job x");
});

Deno.test("followStream() ends when it is asked to, while it waits to reconnect", async () => {
  const leaving = new AbortController();
  const events = followStream(() => Promise.reject(new TypeError("no line")), {
    signal: leaving.signal,
    onLine: () => leaving.abort(),
  });
  assertEquals(await events.next(), { done: true, value: undefined });
});
