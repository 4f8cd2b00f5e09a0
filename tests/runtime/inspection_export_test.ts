import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { ExportError, exportSamples } from "../../runtime/inspection/export_samples.ts";
import { openSampleWriter } from "../../runtime/inspection/sample_writer.ts";
import { Spool } from "../../runtime/inspection/spool.ts";
import type { ExportPayload } from "../../runtime/protocol/export.ts";
import { ExportFormat } from "../../runtime/protocol/export.ts";

const SAMPLES = 5;

async function inFolder(
  run: (payload: ExportPayload) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    {
      using spool = new Spool(folder, ["index", "loss"]);
      spool.add("index", Int32Array.from({ length: SAMPLES }, (_, at) => at));
      spool.add("loss", new Float32Array([1, NaN, 3, 4, 5]));
      spool.finish();
    }
    await run({
      selection: { kind: "not", selection: { kind: "indices", indices: [0] } },
      split: "train",
      report: folder,
      columns: ["index", "loss"],
      samples: SAMPLES,
      format: "jsonl",
      features: true,
      folder,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const data = (width: number) => ({
  length: SAMPLES,
  batch: (indices: Int32Array) => ({
    xs: { near: tf.fill([indices.length, width], 7), far: tf.tensor1d([...indices]) },
    ys: tf.zeros([indices.length, 1]),
  }),
});
const onBatch = () => Promise.resolve();

Deno.test("exportSamples() writes what a selection picks, with each input a column a number", async () => {
  await chooseBackend("cpu", 1);
  const { numTensors } = tf.memory();
  await inFolder(async (payload) => {
    const { rows, columns } = await exportSamples(payload, data(2), onBatch);
    assertEquals([rows, columns], [4, ["index", "loss", "near_0", "near_1", "far_0"]]);
    const text = await Deno.readTextFile(`${payload.folder}/samples.jsonl`);
    const read = text.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(read[0], { index: 1, loss: null, near_0: 7, near_1: 7, far_0: 1 });
    assertEquals(read.map(({ far_0 }) => far_0), [1, 2, 3, 4]);
  });
  assertEquals(tf.memory().numTensors, numTensors);
});

Deno.test("exportSamples() refuses inputs that are too wide to be columns", async () => {
  await chooseBackend("cpu", 1);
  await inFolder(async (payload) => {
    await assertRejects(
      () => exportSamples(payload, data(5_000), onBatch),
      ExportError,
      "near has 5000 numbers",
    );
  });
});

Deno.test({
  name: "a SampleWriter says that the disk is full, in every format",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const rows = new Map([["index", Int32Array.from({ length: 500_000 }, (_, at) => at)]]);
    for (const format of ExportFormat.options) {
      const error = await assertRejects(async () => {
        const writer = openSampleWriter(format, "/dev/full");
        writer.write(rows);
        await writer.finish();
      }, Error);
      assert("code" in error && error.code === "ENOSPC", `${format}: ${error}`);
    }
  },
});
