import { assertEquals } from "@std/assert";
import { TextLineStream } from "@std/streams";

const PROGRAM = new URL("../fixtures/busy_reader.ts", import.meta.url).href;

Deno.test("InputThread shows what arrives to a loop that never lets the event loop turn", async () => {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", PROGRAM],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines: ReadableStream<string> = process.stdout
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  const output = lines.getReader();
  const line = async () => (await output.read()).value;
  const input = process.stdin.getWriter();
  assertEquals(await line(), "ready");
  for (const text of ["pause", "resume"]) {
    await input.write(new TextEncoder().encode(text));
    assertEquals(await line(), text);
  }
  await input.close();
  assertEquals(await line(), "end");
  assertEquals(await line(), undefined);
  assertEquals((await process.status).code, 0);
});
