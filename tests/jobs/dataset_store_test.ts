import { assert, assertEquals, assertRejects } from "@std/assert";
import type { PostedFile } from "../../jobs/control_plane.ts";
import { ConflictError, NotFoundError, UnprocessableError } from "../../jobs/errors.ts";
import { type DatasetStore, openDatasetStore } from "../../jobs/storage/dataset_store.ts";

const free = () => Promise.resolve();
const used = () => Promise.reject(new ConflictError("in use"));

async function withStore(
  use: (store: DatasetStore, folder: string, open: () => Promise<DatasetStore>) => Promise<void>,
  quota = 100,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const mount = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${mount}/cats`);
    await Deno.writeTextFile(`${mount}/cats/1.txt`, "meow");
    await Deno.symlink("/etc/hostname", `${mount}/link`);
    const mounts = { pets: mount, gone: `${mount}/gone` };
    const open = () => openDatasetStore({ dataDir: folder, quota, mounts, clock: () => 7 });
    await use(await open(), folder, open);
  } finally {
    await Deno.remove(folder, { recursive: true });
    await Deno.remove(mount, { recursive: true });
  }
}

async function posted(name: string, text: string): Promise<PostedFile> {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, text);
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return { name, path, bytes: text.length, sha256: new Uint8Array(hash).toHex() };
}

Deno.test("DatasetStore keeps files under their names, and finds them after a restart", async () => {
  await withStore(async (store, folder, open) => {
    const files = [await posted("b/2.csv", "two"), await posted("a.csv", "one")];
    const { record, created } = await store.put("digits", files, free);
    assert(created);
    assertEquals(record.files.map(({ name }) => name), ["a.csv", "b/2.csv"]);
    assertEquals([record.bytes, record.mounted, record.created_at], [6, false, 7]);
    await Deno.mkdir(`${folder}/datasets/.unfinished`);
    const again = await open();
    assertEquals(await again.get("digits"), record);
    assertEquals(await Array.fromAsync(Deno.readDir(`${folder}/datasets`), ({ name }) => name), [
      "digits",
    ]);
    const { path } = await again.file("digits", "b/2.csv");
    assertEquals(await Deno.readTextFile(path), "two");
    await assertRejects(() => again.file("digits", "../dataset.json"), NotFoundError);
    assertEquals(await again.folder(record), `${folder}/datasets/digits/files`);
  });
});

Deno.test("DatasetStore replaces a dataset only while nobody needs it, the same content at any time", async () => {
  await withStore(async (store, folder) => {
    const { record } = await store.put("d", [await posted("x", "one")], free);
    const same = await store.put("d", [await posted("x", "one")], used);
    assertEquals(same, { record, created: false });
    const other = await posted("x", "other");
    await assertRejects(() => store.put("d", [other], used), ConflictError, "in use");
    const replaced = await store.put("d", [other], free);
    assertEquals([replaced.created, replaced.record.bytes], [false, 5]);
    await assertRejects(() => store.folder(record), ConflictError, "no longer the one");
    await assertRejects(() => store.remove("d", used), ConflictError, "in use");
    await store.remove("d", free);
    await assertRejects(() => store.get("d"), NotFoundError);
    await assertRejects(() => store.folder(record), ConflictError, "has been deleted");
    assertEquals(await Array.fromAsync(Deno.readDir(`${folder}/datasets`)), []);
  });
});

Deno.test("openDatasetStore() gives a dataset back that a crash left without its follower", async () => {
  await withStore(async (store, folder, open) => {
    const { record } = await store.put("d", [await posted("x", "one")], free);
    await Deno.rename(`${folder}/datasets/d`, `${folder}/datasets/.replaced-d`);
    assertEquals(await (await open()).get("d"), record);
    await Deno.mkdir(`${folder}/datasets/.replaced-d`);
    assertEquals(await (await open()).get("d"), record);
    const names = await Array.fromAsync(Deno.readDir(`${folder}/datasets`), ({ name }) => name);
    assertEquals(names, ["d"]);
  });
});

Deno.test("DatasetStore holds all datasets together to their quota, and leaves nothing of one past it", async () => {
  await withStore(async (store, folder) => {
    await store.put("a", [await posted("x", "12345678")], free);
    assertEquals([await store.room("b"), await store.room("a")], [2, 10]);
    const large = await posted("x", "123");
    await assertRejects(() => store.put("b", [large], free), UnprocessableError, "quota");
    assertEquals((await store.list()).map(({ name }) => name), ["a", "pets"]);
    assertEquals(await Array.fromAsync(Deno.readDir(`${folder}/datasets`), (e) => e.name), ["a"]);
    await store.put("a", [await posted("x", "1234567890")], free);
  }, 10);
});

Deno.test("DatasetStore refuses names that are paths, doubled, hidden or the operator's", async () => {
  await withStore(async (store) => {
    const file = await posted("x", "1");
    for (const name of ["../x", ".x", "", "a/b", "x".repeat(101)]) {
      await assertRejects(() => store.put(name, [file], free), UnprocessableError, "name:");
      await assertRejects(() => store.get(name), NotFoundError);
    }
    for (const name of ["../x", "a//b", ".env", "a/.b", "a\\b", "a\nb"]) {
      await assertRejects(() => store.put("d", [{ ...file, name }], free), UnprocessableError);
    }
    await assertRejects(() => store.put("d", [], free), UnprocessableError, "needs a file");
    const twice = [file, { ...file, name: "X" }];
    await assertRejects(() => store.put("d", twice, free), UnprocessableError, "twice");
    await assertRejects(() => store.put("pets", [file], free), ConflictError, "operator's");
    await assertRejects(() => store.remove("pets", free), ConflictError, "operator's");
  });
});

Deno.test("DatasetStore shows the operator's folders as they are, links left out", async () => {
  await withStore(async (store) => {
    const record = await store.get("pets");
    assertEquals(record.files, [{ name: "cats/1.txt", bytes: 4, sha256: null }]);
    assertEquals([record.sha256, record.mounted], [null, true]);
    assertEquals(await store.reference("pets"), { name: "pets", sha256: null });
    await assertRejects(() => store.get("gone"), NotFoundError);
    await assertRejects(() => store.reference("gone"), NotFoundError);
  });
});
