/** `main.ts` as an operator meets it: a process with flags, an environment, signals and an exit code. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

function command(args: string[], env: Record<string, string> = {}): Deno.Command {
  const { HOME, PATH, DENO_DIR } = Deno.env.toObject();
  const kept = Object.entries({ HOME, PATH, DENO_DIR }).filter(([, value]) => value !== undefined);
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", MAIN, ...args],
    env: { ...Object.fromEntries(kept) as Record<string, string>, ...env },
    clearEnv: true,
    stdout: "piped",
    stderr: "piped",
  });
}

async function run(args: string[], env: Record<string, string> = {}): Promise<Ran> {
  const { code, stdout, stderr } = await command(args, env).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A server in a data folder of its own; `end` sends it a signal and tells how it ended. */
async function serve(dataDir: string) {
  const process = command(["serve", "--port", "0", "--dashboard-port", "0", "--data-dir", dataDir])
    .spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await lines.read();
    if (done) throw new Error(await new Response(process.stderr).text());
    text += value;
  }
  const [, url] = /^onthefly listening on (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(text) ?? [];
  if (url === undefined) throw new Error(`no ready line: ${text}`);
  const end = async (...signals: Deno.Signal[]): Promise<Ran> => {
    for (const signal of signals) process.kill(signal);
    const stderr = await new Response(process.stderr).text();
    for (;;) {
      const { value, done } = await lines.read();
      if (done) break;
      text += value;
    }
    return { code: (await process.status).code, stdout: text, stderr };
  };
  return { url, end };
}

async function withDataDir(test: (dataDir: string) => Promise<void>): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "onthefly-main-" });
  try {
    await test(dataDir);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

Deno.test("main.ts --help prints the settings", async () => {
  for (const args of [["--help"], ["serve", "--help"]]) {
    const { code, stdout } = await run(args);
    assertEquals(code, 0);
    assertStringIncludes(stdout, "ONTHEFLY_DATA_DIR");
    assertStringIncludes(stdout, "--data-dir");
  }
});

Deno.test("main.ts refuses a setting that it does not know or cannot use, by its name", async () => {
  const cases: [string[], Record<string, string>, string][] = [
    [["serve"], { ONTHEFLY_PROT: "1" }, "ONTHEFLY_PROT"],
    [["serve", "--port", "x"], {}, "--port"],
    [["start"], {}, "start"],
    [["serve", "--host", "0.0.0.0"], {}, "ONTHEFLY_TOKEN"],
  ];
  for (const [args, env, name] of cases) {
    const { code, stdout, stderr } = await run(args, env);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, name);
    assertEquals(stderr.trim().split("\n").length, 1, stderr);
  }
});

Deno.test("main.ts says that a port or a data folder is in use", async () => {
  await withDataDir(async (dataDir) => {
    const server = await serve(dataDir);
    const { port } = new URL(server.url);
    const folder = await run([
      "serve",
      "--port",
      "0",
      "--dashboard-port",
      "off",
      "--data-dir",
      dataDir,
    ]);
    assertEquals(folder.code, 2);
    assertMatch(folder.stderr, /in use by another server/);
    await withDataDir(async (other) => {
      const taken = await run([
        "serve",
        "--port",
        port,
        "--dashboard-port",
        "off",
        "--data-dir",
        other,
      ]);
      assertEquals(taken.code, 2);
      assertMatch(taken.stderr, new RegExp(`port ${port} .* is in use`));
    });
    assertEquals((await server.end("SIGTERM")).code, 0);
  });
});

Deno.test("main.ts that cannot start for another reason says why and exits with 1", async () => {
  for (const database of ["kv.sqlite3", "events.sqlite3"]) {
    await withDataDir(async (dataDir) => {
      await Deno.writeTextFile(`${dataDir}/${database}`, "no database ".repeat(500));
      const flags = ["--port", "0", "--dashboard-port", "off", "--data-dir", dataDir];
      const { code, stdout, stderr } = await run(["serve", ...flags]);
      assertEquals([code, stdout], [1, ""]);
      assertStringIncludes(stderr, "file is not a database");
    });
  }
});

Deno.test("SIGTERM ends open streams and stalled uploads, and the server with 0", async () => {
  await withDataDir(async (dataDir) => {
    const { url, end } = await serve(dataDir);
    const { hostname, port } = new URL(url);
    const health = await fetch(`${url}/healthz`);
    assertEquals([health.status, await health.json()], [200, { status: "ok" }]);
    const stream = await fetch(`${url}/events`);
    const text = stream.text();
    const upload = await Deno.connect({ hostname, port: Number(port) });
    await upload.write(new TextEncoder().encode(
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/typescript\r\n" +
        "Content-Length: 1000\r\n\r\nexport",
    ));
    const { code, stderr } = await end("SIGTERM");
    assertEquals(code, 0, stderr);
    assertMatch(await text, /^retry: 1000\n/);
    upload.close();
    for (const line of stderr.trim().split("\n")) JSON.parse(line);
  });
});
