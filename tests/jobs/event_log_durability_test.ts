import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { openEventLog } from "../../jobs/events/event_log.ts";

const fixture = (name: string) => new URL(`../fixtures/${name}.ts`, import.meta.url).pathname;

/** Lets a writer run until it has said `lines` times that all is durable, then kills it. */
async function writeAndKill(path: string, lines: number): Promise<number> {
  const writer = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", fixture("event_log_writer"), path],
    stdout: "piped",
  }).spawn();
  let told = 0;
  const texts: ReadableStream<string> = writer.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream() as TransformStream<string, string>);
  let seen = 0;
  for await (const line of texts) {
    told = Number(line);
    if (++seen === lines) writer.kill("SIGKILL");
  }
  await writer.status;
  return told;
}

Deno.test("durable() is kept: after kill -9 the log has every number that it promised, whole", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/events.sqlite`;
  for (const lines of [1, 37, 120]) {
    const promised = await writeAndKill(path, lines);
    const log = openEventLog(path);
    assertGreaterOrEqual(log.lastSeq, promised);
    const events = log.read({ job: "job-a" }, 0, 1_000_000);
    assertEquals(events.map((event) => event.seq), events.map((_, at) => at + 1));
    assertEquals(events.length, log.lastSeq);
    assertEquals(events.every((event) => event.data === `{"n":${event.seq}}`), true);
    await log.close();
  }
  await Deno.remove(folder, { recursive: true });
});

const hasLimits = Deno.build.os === "linux" &&
  new Deno.Command("sh", { args: ["-c", "command -v prlimit"] }).outputSync().success;

Deno.test({
  name: "durable() rejects on a full disk, the events stay queued, and go in when there is room",
  ignore: !hasLimits,
  async fn() {
    const folder = await Deno.makeTempDir();
    const script = `trap "" XFSZ; ulimit -S -f 512; exec "$0" "$@"`;
    const run = ["run", "-A", "--no-check", "--no-code-cache", fixture("event_log_full_disk")];
    const { stdout, stderr } = await new Deno.Command("bash", {
      args: ["-c", script, Deno.execPath(), ...run, `${folder}/events.sqlite`],
    }).output();
    await Deno.remove(folder, { recursive: true });
    const text = new TextDecoder().decode(stdout);
    assertEquals(text.startsWith("{"), true, text + new TextDecoder().decode(stderr));
    const { refused, errors, visibleWhenRefused, appended, whole } = JSON.parse(text);
    assertEquals(refused.startsWith("Error"), true, refused);
    assertGreaterOrEqual(errors, 1);
    assertEquals(appended, visibleWhenRefused + 2);
    assertEquals(whole, true);
  },
});
