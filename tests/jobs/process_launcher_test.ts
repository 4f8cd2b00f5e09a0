import { assert, assertEquals, assertRejects } from "@std/assert";
import { CommandFailedError } from "../../jobs/errors.ts";
import { identifyProcess, isRunning, waitUntilGone } from "../../jobs/workers/process_tree.ts";
import { JobFolder, PROJECT_ROOT } from "../fixtures/job_folder.ts";

/** A module that trains until it is ended, and at its fourth batch prints "reached" and does `act`. */
function endless(act: string): string {
  return `import { tinyJob } from "./tiny_job.ts";
let batches = 0;
const job = tinyJob(() => { if (batches++ === 3) { console.log("reached"); ${act} } });
export default { ...job, config: { ...job.config, maxSteps: 1e9, maxEpochs: 1e6 } };
`;
}
const deafLoop = `Deno.addSignalListener("SIGTERM", () => {}); for (;;);`;
const MIB = 2 ** 20;

for (const sandbox of ["auto", "deno"] as const) {
  Deno.test(`ProcessLauncher with sandbox ${sandbox} ends workers and says why`, async (t) => {
    await using folder = await JobFolder.open(sandbox);

    await t.step("an exit of its own keeps its code", async () => {
      const record = await folder.launch("noise", endless("Deno.exit(7)"));
      const { cause, code, signal } = await record.exit();
      assertEquals({ cause, code, signal }, { cause: "exit", code: 7, signal: null });
    });

    await t.step("a worker that trains ends with 0 when its input closes", async () => {
      const record = await folder.launch("noise", endless(""));
      await record.event("log", ({ message }) => message === "reached");
      const { cause, code, signal } = await record.worker.stop("killed", 20_000);
      assertEquals({ cause, code, signal }, { cause: "killed", code: 0, signal: null });
    });

    await t.step("an endless loop ends by TERM", async () => {
      const record = await folder.launch("noise", endless("for (;;);"));
      await record.event("log", ({ message }) => message === "reached");
      const { cause, signal } = await record.worker.stop("killed", 50);
      assertEquals({ cause, signal }, { cause: "killed", signal: "SIGTERM" });
    });

    await t.step("one that is deaf to TERM ends by KILL, and the first cause is kept", async () => {
      const record = await folder.launch("noise", endless(deafLoop));
      await record.event("log", ({ message }) => message === "reached");
      const pending = assertRejects(
        () => record.worker.link.send("pause", {}),
        CommandFailedError,
        "ended before it answered",
      );
      const first = record.worker.stop("timeout", 50);
      await record.worker.stop("killed", 50);
      const { cause, signal } = await first;
      assertEquals({ cause, signal }, { cause: "timeout", signal: "SIGKILL" });
      await pending;
      assertEquals(identifyProcess(record.worker.process?.pid ?? 0), null);
      await assertRejects(() => record.worker.link.send("pause", {}), CommandFailedError);
    });

    await t.step("a worker that was killed from outside ended by that signal", async () => {
      const record = await folder.launch("noise", endless(""));
      await record.event("log", ({ message }) => message === "reached");
      Deno.kill(record.worker.process?.pid ?? 0, "SIGKILL");
      const { cause, signal } = await record.exit();
      assertEquals({ cause, signal }, { cause: "signal", signal: "SIGKILL" });
    });

    await t.step("buffers past the memory limit end it", async () => {
      const hog = "for (const all = [];;) all.push(new Uint8Array(2 ** 24).fill(1));";
      const record = await folder.launch("noise", endless(hog), { memoryBytes: 400 * MIB });
      assertEquals((await record.exit()).cause, "memory");
    });

    await t.step("a heap past the memory limit ends it", async () => {
      const hog = "for (const all = [];;) all.push(Array.from({ length: 1000 }, Math.random));";
      const record = await folder.launch("noise", endless(hog), { memoryBytes: 250 * MIB });
      assertEquals((await record.exit()).cause, "memory");
    });

    await t.step("a worker whose time is up ends", async () => {
      const record = await folder.launch("noise", endless(""), { timeoutMs: 700 });
      const { cause, code } = await record.exit();
      assertEquals({ cause, code }, { cause: "timeout", code: 0 });
    });

    await t.step("a worker that closes its own output ends", async () => {
      const record = await folder.launch("noise", endless("Deno.stdout.close();"));
      assertEquals((await record.exit()).cause, "exit");
    });

    await t.step("the last lines of its errors are kept", async () => {
      const print = 'for (let i = 0; i < 100; i++) console.error("line " + i); Deno.exit(3);';
      const record = await folder.launch("noise", endless(print));
      const lines = (await record.exit()).stderrTail.split("\n");
      assertEquals(lines.length, 40);
      assertEquals(lines.at(-1), "line 99");
    });
  });

  Deno.test(`reap() with sandbox ${sandbox} ends what a killed server left`, async () => {
    await using folder = await JobFolder.open(sandbox);
    const server = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        `${PROJECT_ROOT}/tests/fixtures/launching_server.ts`,
        sandbox,
        endless(deafLoop),
      ],
      stdout: "piped",
    }).spawn();
    const left = JSON.parse(await firstLine(server.stdout));
    server.kill("SIGKILL");
    await server.status;
    if (sandbox === "deno") assert(isRunning(left.process));
    await folder.launcher.reap(left.process);
    assert(!isRunning(left.process));
    await waitUntilGone([left.process]);
    await Deno.remove(left.dataDir, { recursive: true });
  });
}

Deno.test("reap() leaves a process alone that only has the same number", async () => {
  await using folder = await JobFolder.open("deno");
  const own = identifyProcess(Deno.pid);
  await folder.launcher.reap({ pid: Deno.pid, startTime: "1@another-boot" });
  assertEquals(identifyProcess(Deno.pid), own);
});

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  throw new Error(`the stream ended after ${text}`);
}
