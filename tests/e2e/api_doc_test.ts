import { assert, assertEquals } from "@std/assert";
import { fencedBlocks, readDocument } from "../fixtures/markdown.ts";
import { ServerProcess } from "../fixtures/server_process.ts";
import { runs, runShell } from "../fixtures/shell.ts";

const hasCurl = await runs("curl", "--version") && await runs("bash", "-c", "true");

Deno.test({
  name: "docs/api.md: its examples run from top to bottom, and none is refused",
  ignore: !hasCurl && !Deno.env.has("CI"),
  async fn() {
    const blocks = fencedBlocks(await readDocument("docs/api.md"));
    const examples = blocks.filter(({ language }) => language === "sh").map(({ text }) => text);
    assert(examples.length > 20);
    await using server = await ServerProcess.start();
    const folder = await Deno.makeTempDir();
    try {
      const script = examples.join("\n")
        .replaceAll("http://127.0.0.1:8000", server.url)
        .replaceAll("/tmp/", `${folder}/`);
      const { code, stdout, stderr } = await runShell(script, folder);
      assertEquals(code, 0, `${stdout.slice(-3_000)}\n${stderr}`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
