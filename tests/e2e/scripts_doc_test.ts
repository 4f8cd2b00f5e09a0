import { assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { freePort } from "../fixtures/attached_run.ts";
import { fencedBlocks, readDocument } from "../fixtures/markdown.ts";

const CONFIG = fromFileUrl(new URL("../../deno.json", import.meta.url));

Deno.test("docs/scripts.md: its first script trains as it stands, without a server", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const blocks = fencedBlocks(await readDocument("docs/scripts.md"));
    const script = blocks.find(({ language }) => language === "ts")!;
    const path = join(folder, "script.ts");
    await Deno.writeTextFile(path, script.text);
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--config", CONFIG, path],
      cwd: folder,
      env: { ONTHEFLY_DASHBOARD_PORT: String(freePort()), NO_COLOR: "1" },
    });
    const { code, stdout, stderr } = await command.output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    assertMatch(new TextDecoder().decode(stdout), /^max_epochs onthefly-runs\/script-\w+\/\d+\./m);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
