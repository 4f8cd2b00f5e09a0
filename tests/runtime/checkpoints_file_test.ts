import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import {
  CheckpointError,
  type CheckpointSnapshot,
  saveCheckpoint,
} from "../../runtime/checkpoints/checkpoint.ts";

const SHA256 = /^[0-9a-f]{64}$/;

function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
}

Deno.test("saveCheckpoint() that fails names the file and leaves nothing behind", async () => {
  const folder = await Deno.makeTempDir();
  const snapshot = snapshotOf(10);
  await assertRejects(
    () => saveCheckpoint(`${folder}/missing/000001.safetensors`, snapshot),
    CheckpointError,
    "checkpoint 000001.safetensors: it cannot be written: No such file or directory",
  );
  Deno.mkdirSync(`${folder}/taken.safetensors`);
  await assertRejects(
    () => saveCheckpoint(`${folder}/taken.safetensors`, snapshot),
    CheckpointError,
    "it cannot be written",
  );
  assertEquals(filesIn(folder), ["taken.safetensors"]);
  await Deno.remove(folder, { recursive: true });
});

for (const [size, floats] of [["small", 20_000], ["large", 2_000_000]] as const) {
  Deno.test({
    name: `saveCheckpoint() of a ${size} file on a disk that runs full leaves the old file`,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      const folder = await Deno.makeTempDir();
      const path = `${folder}/000001.safetensors`;
      Deno.writeTextFileSync(path, "old");
      const script = new URL("../fixtures/save_checkpoint.ts", import.meta.url).pathname;
      // A file size limit stands in for a full disk: the write stops in the middle of the file.
      const { stdout, stderr } = await new Deno.Command("bash", {
        args: [
          "-c",
          `trap "" XFSZ; ulimit -f 16; exec "$0" run -A "$1" "$2" "$3"`,
          Deno.execPath(),
          script,
          path,
          String(floats),
        ],
      }).output();
      assertMatch(
        new TextDecoder().decode(stdout),
        /checkpoint 000001.safetensors: it cannot be written: File too large/,
        new TextDecoder().decode(stderr),
      );
      assertEquals(filesIn(folder), ["000001.safetensors"]);
      assertEquals(Deno.readTextFileSync(path), "old");
      await Deno.remove(folder, { recursive: true });
    },
  });

  Deno.test(`saveCheckpoint() answers size and SHA-256 of a ${size} file`, async () => {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/1`;
    const { bytes, sha256 } = await saveCheckpoint(path, snapshotOf(floats));
    const found = Deno.readFileSync(path);
    assertEquals(bytes, found.length);
    assertMatch(sha256, SHA256);
    assertEquals(createHash("sha256").update(found).digest("hex"), sha256);
    await Deno.remove(folder, { recursive: true });
  });
}

function snapshotOf(floats: number): CheckpointSnapshot {
  const values = Float32Array.from({ length: floats }, (_, index) => index / 3);
  const tensor = { dtype: "float32" as const, shape: [floats], values };
  return { tensors: new Map([["0000/kernel", tensor]]), metadata: {} };
}
