import { assertEquals } from "@std/assert";
import { EventStreamParser, type StreamEvent } from "../../tasks/event_stream.ts";

const encoder = new TextEncoder();

function parseIn(text: string, chunkBytes: number): StreamEvent[] {
  const parser = new EventStreamParser();
  const bytes = encoder.encode(text);
  const events: StreamEvent[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    events.push(...parser.push(bytes.subarray(at, at + chunkBytes)));
  }
  return events;
}

Deno.test("EventStreamParser reads the same events however the bytes are cut", () => {
  const text = 'retry: 1000\nid: ab-0\n\nid: ab-1\nevent: log\ndata: {"m":"größer"}\n\n' +
    ": heartbeat\n\nid: ab-2\ndata: 1\ndata: 2\n\n";
  const expected = [
    { id: "ab-1", type: "log", data: '{"m":"größer"}' },
    { id: "ab-2", type: "message", data: "1\n2" },
  ];
  for (const size of [1, 2, 3, 7, 1_000]) assertEquals(parseIn(text, size), expected);
});

Deno.test("EventStreamParser.lastEventId follows an id that comes without an event", () => {
  const parser = new EventStreamParser();
  assertEquals(parser.push(encoder.encode("retry: 250\nid: ab-7\n\n")), []);
  assertEquals([parser.lastEventId, parser.retryMs], ["ab-7", 250]);
});

Deno.test("EventStreamParser takes CRLF and fields without a space", () => {
  assertEquals(parseIn("id:9\r\nevent:x\r\ndata:{}\r\n\r\n", 4), [
    { id: "9", type: "x", data: "{}" },
  ]);
});
