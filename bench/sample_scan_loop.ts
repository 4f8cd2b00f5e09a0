/**
 * Scans synthetic samples as a report does. Lines of JSON:
 *
 *   deno run -A bench/sample_scan_loop.ts ratio ROUNDS    processor ms of a bare forward pass and of a scan
 *   deno run -A bench/sample_scan_loop.ts memory SAMPLES  peak of the process's memory, bytes
 *   deno run -A bench/sample_scan_loop.ts parquet ROWS    ms of writing so many rows
 */
import * as tf from "@tensorflow/tfjs";
import { cpuUsage } from "node:process";
import { chooseBackend } from "../runtime/backends/choose.ts";
import type { Dataset } from "../runtime/data/dataset.ts";
import { keyedStream } from "../runtime/determinism/rng.ts";
import { openSampleWriter, type Rows } from "../runtime/inspection/sample_writer.ts";
import { writeReport } from "../runtime/inspection/write_report.ts";
import { COLUMN_NAMES, COLUMNS, ReportRequest } from "../runtime/protocol/report.ts";
import { resolveLoss } from "../runtime/training/losses.ts";
import { type ModelHandle, modelHandle } from "../runtime/training/model_handle.ts";

const BATCH = 256;
const FEATURES = 784;
const CLASSES = 10;
const RATIO_SAMPLES = 20 * BATCH;
const ROWS_AT_ONCE = 50_000;

/** The MLP that training is measured on elsewhere: 784-256-128-10. */
function model(): ModelHandle {
  const { dense } = tf.layers;
  return modelHandle(tf.sequential({
    layers: [
      dense({ inputShape: [FEATURES], units: 256, activation: "relu" }),
      dense({ units: 128, activation: "relu" }),
      dense({ units: CLASSES, activation: "softmax" }),
    ],
  }));
}

/** Samples that lie nowhere: views of one batch's values. */
function samples(length: number, width: number): Dataset {
  const values = Float32Array.from({ length: BATCH * width }, (_, at) => Math.sin(at));
  const labels = Int32Array.from({ length: BATCH }, (_, at) => at % CLASSES);
  return {
    length,
    batch: (indices) => ({
      xs: tf.tensor2d(values.subarray(0, indices.length * width), [indices.length, width]),
      ys: tf.tensor1d(labels.subarray(0, indices.length), "int32"),
    }),
  };
}

async function scan(handle: ModelHandle, dataset: Dataset): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await writeReport({
      request: ReportRequest.parse({}),
      folder,
      dataset,
      handle,
      loss: resolveLoss("sparseCategoricalCrossentropy"),
      indices: null,
      originals: null,
      embedding: null,
      random: keyedStream(1, "selection"),
      batchSize: BATCH,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What a scan cannot do without: the batch, its predictions, and these on the host. */
async function forward(handle: ModelHandle, dataset: Dataset): Promise<void> {
  for (let first = 0; first < dataset.length; first += BATCH) {
    const count = Math.min(BATCH, dataset.length - first);
    const batch = await dataset.batch(Int32Array.from({ length: count }, (_, at) => first + at));
    tf.tidy(() => handle.apply(batch.xs, false).dataSync());
    tf.dispose([batch.xs, batch.ys]);
  }
}

/** Milliseconds of the processor, which other programs on the machine do not stretch. */
async function timed(work: () => Promise<void>): Promise<number> {
  const before = cpuUsage();
  await work();
  const { user, system } = cpuUsage(before);
  return (user + system) / 1_000;
}

async function ratio(rounds: number): Promise<void> {
  const [handle, dataset] = [model(), samples(RATIO_SAMPLES, FEATURES)];
  for (let round = 0; round <= rounds; round++) {
    const bare = await timed(() => forward(handle, dataset));
    const scanned = await timed(() => scan(handle, dataset));
    if (round > 0) console.log(JSON.stringify({ bare, scanned }));
  }
}

async function memory(count: number): Promise<void> {
  const width = 8;
  const handle = modelHandle(tf.sequential({
    layers: [tf.layers.dense({ inputShape: [width], units: CLASSES, activation: "softmax" })],
  }));
  await scan(handle, samples(count, width));
  const status = await Deno.readTextFile("/proc/self/status");
  console.log(JSON.stringify({ peak: Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1_024 }));
}

async function parquet(count: number): Promise<void> {
  const folder = await Deno.makeTempDir();
  const names = COLUMN_NAMES.filter((name) => !["cluster", "x", "y"].includes(name));
  const rows: Rows = new Map(names.map((name) => [
    name,
    COLUMNS[name] === "f32"
      ? Float32Array.from({ length: ROWS_AT_ONCE }, (_, at) => Math.sin(at))
      : Int32Array.from({ length: ROWS_AT_ONCE }, (_, at) => at % 1_000),
  ]));
  const ms = await timed(async () => {
    const writer = openSampleWriter("parquet", `${folder}/samples.parquet`);
    for (let written = 0; written < count; written += ROWS_AT_ONCE) writer.write(rows);
    await writer.finish();
  });
  await Deno.remove(folder, { recursive: true });
  console.log(JSON.stringify({ ms }));
}

if (import.meta.main) {
  await chooseBackend("wasm", 1);
  const [what, count] = Deno.args;
  if (what === "ratio") await ratio(Number(count));
  if (what === "memory") await memory(Number(count));
  if (what === "parquet") await parquet(Number(count));
}
