import { assertEquals, assertRejects } from "@std/assert";
import { DataFolderError, openDataFolder } from "../../jobs/storage/data_folder.ts";

async function inFolder(use: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(`${folder}/data/deep`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("openDataFolder() makes the folder for its owner alone, and may be opened again", () =>
  inFolder(async (path) => {
    const first = await openDataFolder(path);
    assertEquals(first.path, path);
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o700);
    first.close();
    const second = await openDataFolder(path);
    second.close();
  }));

Deno.test("openDataFolder() of two at once lets one in, and names its pid to the other", () =>
  inFolder(async (path) => {
    const ends = await Promise.allSettled([openDataFolder(path), openDataFolder(path)]);
    const opened = ends.filter((end) => end.status === "fulfilled");
    assertEquals(opened.length, 1);
    const error = await assertRejects(() => openDataFolder(path), DataFolderError);
    assertEquals(error.message.includes(`pid ${Deno.pid}`), true, error.message);
    for (const { value } of opened) value.close();
    (await openDataFolder(path)).close();
  }));

Deno.test("openDataFolder() is free again when its holder was killed", () =>
  inFolder(async (path) => {
    const source = new URL("../../jobs/storage/data_folder.ts", import.meta.url);
    const code = `import { openDataFolder } from "${source}";
      await openDataFolder(Deno.args[0]);
      console.log("held");
      setInterval(() => {}, 1000);`;
    const holder = new Deno.Command(Deno.execPath(), {
      args: ["eval", code, path],
      stdout: "piped",
    }).spawn();
    const reader = holder.stdout.getReader();
    await reader.read();
    await assertRejects(() => openDataFolder(path), DataFolderError, `pid ${holder.pid}`);
    holder.kill("SIGKILL");
    await holder.status;
    await reader.cancel();
    (await openDataFolder(path)).close();
  }));

Deno.test("openDataFolder() refuses a newer folder, and a path that is a file", () =>
  inFolder(async (path) => {
    (await openDataFolder(path)).close();
    await Deno.writeTextFile(`${path}/version`, "2\n");
    await assertRejects(() => openDataFolder(path), DataFolderError, "version 2");
    await Deno.writeTextFile(`${path}/version`, "1\n");
    (await openDataFolder(path)).close();
    await assertRejects(() => openDataFolder(`${path}/version`), DataFolderError, "cannot make");
  }));
