import { assert, assertEquals } from "@std/assert";
import type { AttemptRecord } from "../fixtures/attempt_record.ts";
import { JobFolder, PROJECT_ROOT } from "../fixtures/job_folder.ts";

const parts = ["attempt.ts", "tiny_job.ts"];
const fixtures = [...Deno.readDirSync(`${PROJECT_ROOT}/tests/fixtures/escapes`)]
  .map(({ name }) => name).filter((name) => !parts.includes(name))
  .map((name) => name.replace(/\.ts$/, "")).sort();
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

for (const sandbox of ["auto", "deno"] as const) {
  Deno.test(`ProcessLauncher with sandbox ${sandbox} keeps job modules in`, async (t) => {
    await using folder = await JobFolder.open(sandbox);
    await using lure = openLure();
    const siblingOptions = { job: "job-sibling", goal: "paused" } as const;
    const sibling = await folder.launch("escapes", siblingSource, siblingOptions);
    await sibling.event("paused");

    for (const fixture of fixtures) {
      await t.step(`${fixture}: every attempt is denied, and the job trains`, async () => {
        const extra = { "port.txt": `${lure.port}` };
        const record = await folder.launch("escapes", fixture, { job: `job-${fixture}`, extra });
        const { code, stderrTail } = await record.exit();
        assertEquals(escaped(record), []);
        assert(record.lines("stdout").some((line) => line.startsWith("denied: ")), stderrTail);
        assertEquals(code, 0, stderrTail);
        await record.event("trainingFinished");
      });
    }
    for (const [name, source] of Object.entries(unloadable)) {
      await t.step(`a static ${name} fails the job`, async () => {
        const record = await folder.launch("escapes", source, { job: "job-unloadable" });
        const { fatal } = await record.event("error");
        assert(fatal);
        assertEquals((await record.exit()).code, 1);
        assertEquals(escaped(record), []);
      });
    }
    await t.step("nothing outside changed, and the sibling still answers", async () => {
      assertEquals(lure.connections, 0);
      const module = await Deno.readTextFile(`${folder.path}/jobs/job-sibling/module.ts`);
      assertEquals(module, siblingSource);
      const saved = await sibling.worker.link.send("save_ckpt", { reason: "explicit" });
      assertEquals(saved.applied_at_step, 0);
    });
    assertEquals((await sibling.worker.stop("killed", 5_000)).code, 0);
  });
}

function escaped(record: AttemptRecord): string[] {
  return record.lines("stdout").filter((line) => line.startsWith("escaped: "));
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
