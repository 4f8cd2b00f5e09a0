import { assert, assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { saveInBackground } from "../../runtime/checkpoints/background_save.ts";
import {
  CheckpointError,
  type CheckpointSnapshot,
  saveCheckpoint,
} from "../../runtime/checkpoints/checkpoint.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";

const WIDE = fromFileUrl(new URL("../fixtures/wide_model.ts", import.meta.url));

function snapshot(): CheckpointSnapshot {
  const values = Float32Array.from({ length: 300_000 }, (_, at) => Math.sin(at));
  return {
    tensors: new Map([
      ["0000/kernel", { dtype: "float32", shape: [values.length], values }],
      ["selection/indices", { dtype: "int32", shape: [2], values: Int32Array.of(3, 1) }],
    ]),
    metadata: { format: "onthefly-checkpoint", version: "1", state: "{}" },
  };
}

Deno.test("saveInBackground writes the bytes of saveCheckpoint, out of memory that moved away", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const expected = await saveCheckpoint(join(folder, "a"), snapshot());
    const moved = snapshot();
    assertEquals(await saveInBackground(join(folder, "b"), moved), expected);
    assertEquals(moved.tensors.get("0000/kernel")!.values.length, 0);
    const [a, b] = ["a", "b"].map((name) => Deno.readFileSync(join(folder, name)));
    assertEquals(a, b);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("saveInBackground says why a disk refuses, and leaves nothing", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "gone", "a");
    const error = await assertRejects(() => saveInBackground(path, snapshot()), CheckpointError);
    assert(error.message.includes("No such file"), error.message);
    assertEquals([...Deno.readDirSync(folder)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a ring checkpoint that a thread wrote while training went on is that of its step", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const first = new WorkerProcess(launchContext(WIDE, folder, {}));
    const saved = await first.event("checkpoint_saved", ({ reason }) => reason === "cadence");
    await first.event("trainStep", ({ step }) => step >= saved.step + 20);
    await first.kill();
    const written = first.events.findIndex((event) =>
      event.type === "checkpoint_saved" && event.checkpoint === saved.checkpoint
    );
    const before = first.events.slice(0, written).filter(({ type }) => type === "trainStep");
    assert(before.length > saved.step, "training did not go on while it was written");

    const { checkpoint, file, sha256 } = saved;
    const second = new WorkerProcess(launchContext(WIDE, folder, {
      run_gen: 2,
      next_checkpoint: 100,
      config: { max_steps: saved.step + 20 },
      start: {
        from: "checkpoint",
        checkpoint: { job: saved.run_id, checkpoint, path: join(folder, file), sha256 },
      },
    }));
    assertEquals((await second.ended()).code, 0);
    const expected = first.losses();
    assertEquals(second.losses().size, 20);
    for (const [step, loss] of second.losses()) assertEquals(loss, expected.get(step));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
