/** README is true: its commands run as they stand there, its module trains. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { serverConfigHelp } from "../../jobs/server_config.ts";
import { fencedBlocks, readDocument, ROOT } from "../fixtures/markdown.ts";
import { ServerProcess } from "../fixtures/server_process.ts";
import { runs, runShell } from "../fixtures/shell.ts";

const readme = await readDocument("README.md");
const hasCurl = await runs("curl", "--version") && await runs("bash", "-c", "true");
const hasSafetensors = await runs("python3", "-c", "import numpy, safetensors");
const inCI = Deno.env.has("CI");

/** Every command of the tour; without Python's safetensors, all but the one that needs it. */
function tour(server: string, folder: string): string {
  const blocks = fencedBlocks(readme).filter(({ language }) => language === "sh");
  const shown = blocks.map(({ text }) => text);
  const kept = hasSafetensors || inCI ? shown : shown.filter((text) => !text.includes("python3"));
  return kept.join("\n").replaceAll("http://127.0.0.1:8000", server).replaceAll(
    "/tmp/",
    `${folder}/`,
  );
}

Deno.test({
  name: "README: the tour with curl runs from top to bottom and does what it says",
  ignore: !hasCurl && !inCI,
  async fn() {
    await using server = await ServerProcess.start();
    const folder = await Deno.makeTempDir();
    try {
      const { code, stdout, stderr } = await runShell(tour(server.url, folder), folder);
      assertEquals(code, 0, `${stdout}\n${stderr}`);
      assertEquals(stdout.match(/data: \{[^\n]*"type":"epoch_end"/g)?.length, 10);
      if (hasSafetensors) assertMatch(stdout, /\(64, 64\) float32/);
      await assertTourTaken(server);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** What the tour leaves behind: its three jobs, and a receipt for each command. */
async function assertTourTaken(server: ServerProcess): Promise<void> {
  const { body } = await server.call("GET", "/jobs");
  const jobs = body["items"] as Record<string, unknown>[];
  const byKind = (kind: string) => jobs.find((job) => job["kind"] === kind)!;
  const [root, fork, merge] = [byKind("root"), byKind("fork"), byKind("merge")];
  assertEquals([root["state"], fork["state"], merge["state"]], ["stopped", "completed", "parked"]);
  assertEquals(root["take"], 2);
  assertEquals(fork["run_name"], "hardest");
  assertEquals(fork["selected"], Math.ceil(0.2 * (fork["dataset"] as { train: number }).train));
  assertEquals(merge["parents"], [root["id"], fork["id"]]);
  const receipts = (await server.call("GET", `/jobs/${root["id"]}/commands`)).body["items"] as {
    command: string;
    status: string;
  }[];
  const applied = receipts.filter(({ status }) => status === "applied").map(({ command }) =>
    command
  );
  for (const command of ["pause", "resume", "test", "checkpoint", "hparams", "rewind", "stop"]) {
    assert(applied.includes(command), `${command} was applied; applied are ${applied}`);
  }
}

Deno.test("README: the first module of one's own trains through deno task submit", async () => {
  const block = fencedBlocks(readme).find(({ language }) => language === "ts")!;
  await using server = await ServerProcess.start();
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/my_job.ts`, block.text);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "tasks/submit.ts", `${folder}/my_job.ts`],
        ...["--follow", "--set", "max_epochs=5", "--server", server.url],
      ],
      cwd: ROOT,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const text = new TextDecoder().decode(stdout);
    assertEquals(code, 0, text + new TextDecoder().decode(stderr));
    assertStringIncludes(text, "rings/");
    assertMatch(text, /completed {2}step 110\/110 {2}epoch 5\/5/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("README: the configuration is what the server's help says", () => {
  assertStringIncludes(readme, serverConfigHelp());
});
