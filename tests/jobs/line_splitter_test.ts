import { assertEquals } from "@std/assert";
import {
  LineSplitter,
  MAX_OUTPUT_LINE,
  MAX_PROTOCOL_LINE,
} from "../../jobs/workers/line_splitter.ts";

const token = "0123456789abcdef";

/** What a splitter hands over: protocol lines as they are, other output with its mark. */
function split(
  chunks: (string | Uint8Array)[],
): (string | null | { output: string; cut: boolean })[] {
  const seen: (string | null | { output: string; cut: boolean })[] = [];
  const splitter = new LineSplitter(token, {
    protocol: (json) => seen.push(json),
    output: (output, cut) => seen.push({ output, cut }),
  });
  const encoder = new TextEncoder();
  for (const chunk of chunks) {
    splitter.push(typeof chunk === "string" ? encoder.encode(chunk) : chunk);
  }
  splitter.end();
  return seen;
}

Deno.test("LineSplitter tells frames from other output by the token", () => {
  const text = `hello\n\n${token}{"a":1}\n  ${token}{"b":2}\n{"c":3}\r\n\r\nend`;
  assertEquals(split([text]), [
    { output: "hello", cut: false },
    '{"a":1}',
    { output: `  ${token}{"b":2}`, cut: false },
    { output: '{"c":3}', cut: false },
    { output: "end", cut: false },
  ]);
});

Deno.test("LineSplitter gives the same lines however the bytes are cut", () => {
  const text = `süß €\n${token}{"message":"😀 ü"}\nhalf a line`;
  const whole = split([text]);
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 2, 3, 7, 20]) {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    assertEquals(split(chunks), whole);
  }
});

Deno.test("LineSplitter survives bytes that are no UTF-8", () => {
  const [first, second] = split([new Uint8Array([0xff, 0xfe, 0x80, 10]), `${token}{}\n`]);
  assertEquals(first, { output: "\ufffd\ufffd\ufffd", cut: false });
  assertEquals(second, "{}");
});

Deno.test("LineSplitter cuts a long line of output and goes on with the next", () => {
  const chunk = "x".repeat(2 ** 16);
  const lines = split([...Array(160).fill(chunk), `\n${token}{}\n`, chunk + "\n", "last"]);
  const kept = "x".repeat(MAX_OUTPUT_LINE);
  assertEquals(lines, [
    { output: kept, cut: true },
    "{}",
    { output: kept, cut: true },
    { output: "last", cut: false },
  ]);
});

Deno.test("LineSplitter takes protocol lines up to their limit, and reports longer ones", () => {
  const json = JSON.stringify("y".repeat(2 ** 20));
  const chunk = "z".repeat(2 ** 20);
  const tooLong = Array(MAX_PROTOCOL_LINE / 2 ** 20 + 1).fill(chunk);
  const text = `${token}${json}\n`;
  const lines = split([
    text.slice(0, 5),
    text.slice(5, 70_000),
    text.slice(70_000),
    token,
    ...tooLong,
    `\n${token}{}\n`,
  ]);
  assertEquals(lines, [json, null, "{}"]);
});
