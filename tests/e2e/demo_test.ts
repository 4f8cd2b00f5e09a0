import { assertEquals, assertMatch } from "@std/assert";
import { ROOT } from "../fixtures/markdown.ts";

Deno.test("deno task demo trains, forks, merges, tests all on the same samples, and tells where", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "tasks/demo.ts"],
    cwd: ROOT,
    // The server that it starts is its own, whatever ours is told.
    env: { ONTHEFLY_PORT: "not a port" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0, text + new TextDecoder().decode(stderr));
  assertMatch(text, /Dashboard: http:\/\/127\.0\.0\.1:\d+/);
  assertMatch(text, /^baseline {2}\w+ {2}step \d+\/2000 {2}epoch \d+\/100 {2}loss/m);
  assertMatch(text, /^baseline +— +2000 +\d\.\d+ +9[5-9]\.\d+%$/m);
  assertMatch(text, /^hardest +baseline +\d+ +\d\.\d+ +\d+\.\d+%$/m);
  assertMatch(text, /^rest +baseline +\d+ +\d\.\d+ +\d+\.\d+%$/m);
  assertMatch(text, /^merged +baseline \+ hardest \+ rest +0 +\d\.\d+ +\d+\.\d+%$/m);
  assertMatch(text, /all tested on the same 359 held-out samples/);
  const [, folder] = /^Checkpoints: (\S+)\/jobs\/<job id>\/checkpoints$/m.exec(text)!;
  const jobs = [...Deno.readDirSync(`${folder}/jobs`)].map(({ name }) => name);
  assertEquals(jobs.filter((name) => name.startsWith("job-")).length, 4);
  await Deno.remove(folder!, { recursive: true });
});
