import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { createProcessLauncher, type ProcessLauncher } from "../../jobs/process_launcher.ts";
import type { SandboxMode } from "../../jobs/sandbox.ts";
import { AttemptRecord } from "../fixtures/attempt_record.ts";
import { launchRequest } from "../fixtures/launch_request.ts";

const root = fromFileUrl(new URL("../../", import.meta.url)).replace(/\/$/, "");
const escapes = `${root}/tests/fixtures/escapes`;
const parts = ["attempt.ts", "tiny_job.ts"];
const siblingSource = `export { default } from "./tiny_job.ts";\n`;

/** Modules that must not load at all. */
const unloadable = {
  "text import": `import passwd from "/etc/passwd" with { type: "text" };
console.log("escaped: " + passwd);
export { default } from "./tiny_job.ts";`,
  "remote import": `import "https://127.0.0.1:9/module.ts";
console.log("escaped: it loaded");
export { default } from "./tiny_job.ts";`,
};

for (const sandbox of ["auto", "deno"] as const satisfies SandboxMode[]) {
  Deno.test(`ProcessLauncher with sandbox ${sandbox} keeps job modules in`, async (t) => {
    const dataDir = await Deno.makeTempDir();
    const launcher = await createProcessLauncher({
      projectRoot: root,
      sandbox,
      denoDir: `${dataDir}/deno`,
    });
    await using lure = openLure();
    const sibling = await launchJob(launcher, dataDir, siblingSource, "job-sibling", "paused");
    await sibling.event("paused");

    for (const fixture of fixtures()) {
      await t.step(`${fixture}: every attempt is denied, and the job trains`, async () => {
        const source = await Deno.readTextFile(`${escapes}/${fixture}.ts`);
        const record = await launchJob(
          launcher,
          dataDir,
          source,
          `job-${fixture}`,
          "running",
          lure.port,
        );
        const { code, stderrTail } = await record.exit();
        const lines = record.lines("stdout");
        assertEquals(lines.filter((line) => line.startsWith("escaped: ")), []);
        assert(lines.some((line) => line.startsWith("denied: ")), stderrTail);
        assertEquals(code, 0, stderrTail);
        await record.event("trainingFinished");
      });
    }
    for (const [name, source] of Object.entries(unloadable)) {
      await t.step(`a static ${name} fails the job`, async () => {
        const record = await launchJob(launcher, dataDir, source, "job-unloadable");
        const { fatal } = await record.event("error");
        assert(fatal);
        assertEquals((await record.exit()).code, 1);
        assertEquals(record.lines("stdout").filter((line) => line.startsWith("escaped: ")), []);
      });
    }
    await t.step("nothing outside changed, and the sibling still answers", async () => {
      assertEquals(lure.connections, 0);
      const siblingModule = await Deno.readTextFile(`${dataDir}/jobs/job-sibling/module.ts`);
      assertEquals(siblingModule, siblingSource);
      const saved = await sibling.worker.link.send("save_ckpt", { reason: "explicit" });
      assertEquals(saved.applied_at_step, 0);
    });
    assertEquals((await sibling.worker.stop("killed", 5_000)).code, 0);
    await Deno.remove(dataDir, { recursive: true });
  });
}

function fixtures(): string[] {
  return [...Deno.readDirSync(escapes)].map(({ name }) => name)
    .filter((name) => name.endsWith(".ts") && !parts.includes(name))
    .map((name) => name.slice(0, -3)).sort();
}

/** A listener that counts who connects. */
function openLure(): { port: number; connections: number } & AsyncDisposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const lure = {
    port: listener.addr.port,
    connections: 0,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepted;
    },
  };
  const accepted = (async () => {
    for await (const connection of listener) {
      lure.connections++;
      connection.close();
    }
  })();
  return lure;
}

async function launchJob(
  launcher: ProcessLauncher,
  dataDir: string,
  source: string,
  job: string,
  goal: "running" | "paused" = "running",
  port = 0,
): Promise<AttemptRecord> {
  const request = await launchRequest(dataDir, source, { job, goal });
  for (const part of parts) await Deno.copyFile(`${escapes}/${part}`, `${request.jobDir}/${part}`);
  await Deno.writeTextFile(`${request.jobDir}/port.txt`, `${port}`);
  return new AttemptRecord(await launcher.launch(request));
}
