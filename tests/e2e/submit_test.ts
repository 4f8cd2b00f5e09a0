/** `deno task submit` as a person at a terminal meets it: what it says, and what it leaves running. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ROOT } from "../fixtures/markdown.ts";
import { ServerProcess } from "../fixtures/server_process.ts";

const DIGITS = ["examples/digits.ts", "--file", "examples/data/digits.csv.gz"];

function submit(...args: string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "tasks/submit.ts", ...args],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function outcome(command: Deno.Command) {
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

async function withModule(source: string, use: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/job.ts`, source);
    await use(`${folder}/job.ts`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("submit --follow: Ctrl-C leaves the job running, says how to go on, and following again works", async () => {
  await using server = await ServerProcess.start();
  const args = [...DIGITS, "--set", "max_epochs=100000", "--follow", "--server", server.url];
  const first = submit(...args).spawn();
  const output = new Response(first.stdout).text();
  const errors = new Response(first.stderr).text();
  await server.event("/events?after=0", ({ type }) => type === "trainStep");
  first.kill("SIGINT");
  assertEquals((await first.status).code, 0, await errors);
  const [, job] = /deno task submit (job-\w+) --follow/.exec(await output)!;
  assertStringIncludes(await output, `curl -X POST ${server.url}/jobs/${job}/stop`);
  assertEquals((await server.call("GET", `/jobs/${job}`)).body["state"], "running");

  const again = outcome(submit(job!, "--follow", "--server", server.url));
  await server.call("POST", `/jobs/${job}/stop`);
  const { code, stdout } = await again;
  assertEquals(code, 0);
  assertMatch(stdout, /stopped {2}step \d+\/2000000/);
});

Deno.test("submit: a syntax error is shown with its position in the module", async () => {
  await using server = await ServerProcess.start();
  await withModule("export default {\n  a: 1,,\n};\n", async (path) => {
    const { code, stderr } = await outcome(submit(path, "--server", server.url));
    assertEquals(code, 1);
    assertMatch(stderr, /\(422\)\n.*:2:8/);
  });
});

Deno.test("submit: a config key that is not known is named, and so is the one that was meant", async () => {
  await using server = await ServerProcess.start();
  const { code, stderr } = await outcome(
    submit(...DIGITS, "--set", "maxEpochs=3", "--server", server.url),
  );
  assertEquals(code, 1);
  assertStringIncludes(stderr, "config.maxEpochs");
  assertStringIncludes(stderr, "max_epochs");
});

Deno.test("submit --follow: a job that fails ends with its own stack and a code of 1", async () => {
  await using server = await ServerProcess.start();
  const { code, stdout } = await outcome(
    submit("examples/digits.ts", "--follow", "--server", server.url),
  );
  assertEquals(code, 1);
  assertMatch(stdout, /no file "digits\.csv\.gz" was posted[\s\S]*module\.ts:\d+:\d+/);
});

Deno.test("submit: a module that is not posted along is named before the server refuses", async () => {
  await using server = await ServerProcess.start();
  await withModule(
    'import { layers } from "./layers.ts";\nexport default layers;\n',
    async (path) => {
      const { code, stderr } = await outcome(submit(path, "--server", server.url));
      assertEquals(code, 1);
      assertStringIncludes(stderr, `add --file ${path.replace("job.ts", "layers.ts")}`);
    },
  );
});

Deno.test("submit: a server that is not up is one clear line", async () => {
  // A port that was free a moment ago: whoever listened there is gone.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const url = `http://127.0.0.1:${port}`;
  const { code, stderr } = await outcome(submit("examples/digits.ts", "--server", url));
  assertEquals(code, 1);
  assertEquals(stderr, `nothing answers at ${url}: is a server up? (deno task start)\n`);
});

Deno.test("submit: a bad command line is told from a bad job by its exit code", async () => {
  assertEquals((await outcome(submit("--nope"))).code, 2);
  const help = await outcome(submit("--help"));
  assertEquals(help.code, 0);
  assertStringIncludes(help.stdout, "deno task submit MODULE");
});
