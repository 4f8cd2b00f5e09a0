import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import { type ArtifactStore, openArtifactStore } from "../../jobs/storage/artifact_store.ts";
import { NotFoundError, UnprocessableError } from "../../jobs/errors.ts";
import type { CheckpointRecord } from "../../jobs/job.ts";

async function withStore(
  use: (store: ArtifactStore, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(openArtifactStore(folder), folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function posted(store: ArtifactStore, name: string, text: string) {
  const path = await store.temporaryFile();
  await Deno.writeTextFile(path, text);
  return { name, path, bytes: text.length, sha256: sha256(text) };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

async function saved(
  store: ArtifactStore,
  job: string,
  checkpoint: number,
  text = `weights ${checkpoint}`,
): Promise<CheckpointRecord> {
  const folder = await store.attemptDir(job, 1);
  const name = `${String(checkpoint).padStart(6, "0")}.safetensors`;
  await Deno.writeTextFile(`${folder}/${name}`, text);
  return {
    job,
    checkpoint,
    take: 1,
    attempt: 1,
    step: 1,
    axis_step: 1,
    epoch: 0,
    path: `checkpoints/1/${name}`,
    bytes: text.length,
    sha256: sha256(text),
    reason: "cadence",
    label: null,
    pinned_by: [],
    created_at: 0,
    seq: 1,
  };
}

async function namesBelow(folder: string, prefix = ""): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(`${folder}/${prefix}`)) {
    const name = prefix + entry.name;
    if (entry.isDirectory) names.push(...await namesBelow(folder, `${name}/`));
    else names.push(name);
  }
  return names.sort();
}

Deno.test("createJob() lays the folder out, moves the files, and closes all of it to others", () =>
  withStore(async (store, folder) => {
    const file = await posted(store, "digits é.csv", "1,2");
    const extra = { name: "layers/conv.ts", source: "export const a = 1;" };
    await store.createJob("job-a", "export default 1;", [extra], [file]);
    assertEquals(await namesBelow(store.jobDir("job-a")), [
      "files/digits é.csv",
      "layers/conv.ts",
      "module.ts",
    ]);
    assertEquals(await store.moduleSource("job-a"), "export default 1;");
    assertEquals(
      await Deno.readTextFile(store.resolve("job-a", "files/digits é.csv")),
      "1,2",
    );
    await assertRejects(() => Deno.stat(file.path), Deno.errors.NotFound);
    assertEquals(await namesBelow(folder, "tmp/"), []);
    for (const name of ["", "/files", "/layers"]) {
      assertEquals((await Deno.stat(store.jobDir("job-a") + name)).mode! & 0o777, 0o700);
    }
    for (const name of ["module.ts", "layers/conv.ts", "files/digits é.csv"]) {
      assertEquals((await Deno.stat(store.resolve("job-a", name))).mode! & 0o777, 0o600);
    }
  }));

Deno.test("createJob() refuses names that are no plain names, and leaves nothing behind", () =>
  withStore(async (store, folder) => {
    const bad = [
      "",
      ".",
      "..",
      "../x",
      "a/b",
      "/etc/passwd",
      "a\\b",
      "a\0b",
      "a\nb",
      ".hidden",
      "module.ts",
      "x".repeat(201),
      "é".repeat(101),
      "\ud800",
    ];
    for (const name of bad) {
      const file = await posted(store, name, "x");
      const refused = await assertRejects(
        () => store.createJob("job-a", "x", [], [file]),
        UnprocessableError,
      );
      assertEquals(refused.field, "files");
      await Deno.remove(file.path);
    }
    const badModules = [
      "",
      "module.ts",
      "x.js",
      "../x.ts",
      "/x.ts",
      "a//x.ts",
      "./x.ts",
      ".x.ts",
      "a\0.ts",
      "files/x.ts",
      "checkpoints/x.ts",
      "x".repeat(200) + ".ts",
    ];
    for (const name of badModules) {
      const refused = await assertRejects(
        () => store.createJob("job-a", "x", [{ name, source: "" }], []),
        UnprocessableError,
      );
      assertEquals(refused.field, "module");
    }
    assertEquals(await namesBelow(folder), []);
  }));

Deno.test("createJob() refuses a name that is there twice", () =>
  withStore(async (store) => {
    const file = await posted(store, "a.csv", "x");
    const twin = await posted(store, "a.csv", "y");
    await assertRejects(
      () => store.createJob("job-a", "x", [], [file, twin]),
      UnprocessableError,
      "twice",
    );
    const extra = { name: "x.ts", source: "" };
    await assertRejects(
      () => store.createJob("job-a", "x", [extra, extra], []),
      UnprocessableError,
    );
  }));

Deno.test("createJob() with fuzzed names writes inside its folder or not at all", () =>
  withStore(async (store, folder) => {
    const parts = [
      "..",
      ".",
      "/",
      "\\",
      "a",
      "é",
      "\0",
      "%2e",
      " ",
      "~",
      "module.ts",
      "\u202e",
      "C:",
    ];
    let seed = 7;
    const random = (below: number) => (seed = seed * 16807 % 2147483647) % below;
    let accepted = 0;
    for (let round = 0; round < 300; round++) {
      const name = Array.from({ length: 1 + random(4) }, () => parts[random(parts.length)]).join(
        "",
      );
      const file = await posted(store, name, "x");
      try {
        await store.createJob(`job-${round}`, "m", [], [file]);
        accepted++;
        const inside = await namesBelow(store.jobDir(`job-${round}`));
        assertEquals(inside, [`files/${name}`, "module.ts"]);
      } catch (error) {
        if (!(error instanceof UnprocessableError)) throw error;
        await assertRejects(() => Deno.stat(`${folder}/jobs/job-${round}`), Deno.errors.NotFound);
        await Deno.remove(file.path);
      }
    }
    assertEquals(accepted > 20 && accepted < 280, true, `${accepted}`);
    const outside = (await namesBelow(folder)).filter((name) => !name.startsWith("jobs/job-"));
    assertEquals(outside, []);
  }));

Deno.test("createChild() shares module and files with its parent, and nothing an attempt made", () =>
  withStore(async (store) => {
    const file = await posted(store, "a.csv", "1");
    await store.createJob("job-a", "m", [{ name: "lib/x.ts", source: "x" }], [file]);
    await saved(store, "job-a", 1);
    await store.putBlob("job-a", new Uint8Array([1]));
    await Deno.symlink("/etc/passwd", `${store.jobDir("job-a")}/files/planted`);
    await store.createChild("job-b", "job-a");
    assertEquals(await namesBelow(store.jobDir("job-b")), ["files/a.csv", "lib/x.ts", "module.ts"]);
    const inode = async (job: string) => (await Deno.stat(store.resolve(job, "module.ts"))).ino;
    assertEquals(await inode("job-b"), await inode("job-a"));
    await store.removeJob("job-a");
    assertEquals(await store.moduleSource("job-b"), "m");
  }));

Deno.test("resolve() and jobDir() stay inside the job's folder", () =>
  withStore(async (store, folder) => {
    await store.createJob("job-a", "m", [], []);
    for (
      const path of ["..", "../job-b/module.ts", "/etc/passwd", "a/../../b", "", "a//b", "a\0"]
    ) {
      assertThrows(() => store.resolve("job-a", path), NotFoundError);
    }
    for (const job of ["..", "", "a/b", "a\0", "x".repeat(101)]) {
      assertThrows(() => store.jobDir(job), NotFoundError);
    }
    await Deno.symlink("/etc", `${folder}/jobs/job-a/link`);
    assertThrows(() => store.resolve("job-a", "link/passwd"), NotFoundError);
    assertEquals(store.resolve("job-a", "files/x"), `${folder}/jobs/job-a/files/x`);
  }));

Deno.test("verify() takes the recorded bytes alone: not others, none, a folder, or a link", () =>
  withStore(async (store) => {
    await store.createJob("job-a", "m", [], []);
    const record = await saved(store, "job-a", 1, "w".repeat(3_000_000));
    assertEquals(await store.verify(record), true);
    assertEquals(await store.verify({ ...record, sha256: sha256("other") }), false);
    assertEquals(await store.verify({ ...record, bytes: 1 }), false);
    const path = store.resolve("job-a", record.path);
    await Deno.writeTextFile(path, "v" + "w".repeat(2_999_999));
    assertEquals(await store.verify(record), false);
    await Deno.remove(path);
    assertEquals(await store.verify(record), false);
    const target = store.resolve("job-a", "checkpoints/1/target");
    await Deno.writeTextFile(target, "w".repeat(3_000_000));
    await Deno.symlink(target, path);
    assertEquals(await store.verify(record), false);
    await Deno.remove(path);
    await Deno.mkdir(path);
    assertEquals(await store.verify(record), false);
  }));

Deno.test("linkOrigin() keeps a checkpoint alive for a child, and may be asked for twice", () =>
  withStore(async (store) => {
    await store.createJob("job-a", "m", [], []);
    await store.createChild("job-b", "job-a");
    const record = await saved(store, "job-a", 3);
    const path = await store.linkOrigin("job-b", record);
    assertEquals(await store.linkOrigin("job-b", record), path);
    assertEquals(path, store.resolve("job-b", "origin/job-a-000003.safetensors"));
    await store.removeCheckpoint(record);
    await store.removeCheckpoint(record);
    assertEquals(await store.verify(record), false);
    assertEquals(await Deno.readTextFile(path), "weights 3");
    await assertRejects(() => store.linkOrigin("job-b", record), Deno.errors.NotFound);
  }));

Deno.test("putBlob() and getBlob() name bytes by their SHA-256 and notice when they differ", () =>
  withStore(async (store) => {
    await store.createJob("job-a", "m", [], []);
    const bytes = new TextEncoder().encode("[1,2,3]");
    const name = await store.putBlob("job-a", bytes);
    assertEquals([name, await store.putBlob("job-a", bytes)], [sha256("[1,2,3]"), name]);
    assertEquals(await store.getBlob("job-a", name), bytes);
    await Deno.writeTextFile(store.resolve("job-a", `blobs/${name}`), "[1,2,4]");
    await assertRejects(() => store.getBlob("job-a", name), NotFoundError);
    await assertRejects(() => store.getBlob("job-a", "f".repeat(64)), NotFoundError);
    await assertRejects(() => store.getBlob("job-a", "../module.ts"), NotFoundError);
  }));

Deno.test("sweep() deletes what no record names, links among it, and follows none", () =>
  withStore(async (store, folder) => {
    await store.createJob("job-a", "m", [], []);
    await store.sweep("job-a", []);
    const kept = await saved(store, "job-a", 1);
    await saved(store, "job-a", 2);
    const checkpoints = `${store.jobDir("job-a")}/checkpoints`;
    await Deno.writeTextFile(`${checkpoints}/1/000003.safetensors.tmp`, "half");
    await Deno.mkdir(`${folder}/precious`);
    await Deno.writeTextFile(`${folder}/precious/file`, "x");
    await Deno.symlink(`${folder}/precious`, `${checkpoints}/2`);
    await Deno.symlink(`${folder}/precious/file`, `${checkpoints}/1/link`);
    await store.sweep("job-a", [kept]);
    assertEquals(await namesBelow(checkpoints), ["1/000001.safetensors"]);
    assertEquals(await Deno.readTextFile(`${folder}/precious/file`), "x");
  }));

Deno.test("removeJob() removes the folder, and openArtifactStore() the uploads left behind", () =>
  withStore(async (store, folder) => {
    await store.createJob("job-a", "m", [], []);
    await store.removeJob("job-a");
    await store.removeJob("job-a");
    await store.temporaryFile();
    openArtifactStore(folder);
    assertEquals(await namesBelow(folder), []);
  }));
