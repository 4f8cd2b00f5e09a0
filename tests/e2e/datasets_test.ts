import { assert, assertEquals } from "@std/assert";
import { encode } from "fast-png";
import { ServerProcess } from "../fixtures/server_process.ts";
import { JPEG } from "../fixtures/small_jpeg.ts";

/** Trains on `points.npy` by ranges; `peek` names what its module tries to read besides. */
const module = (peek: string) => `
import { defineJob, npy } from "onthefly";
import * as tf from "@tensorflow/tfjs";
export default defineJob({
  config: { batchSize: 4, maxSteps: 6 },
  model: () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] }),
  optimizer: () => tf.train.sgd(0.01),
  loss: "meanSquaredError",
  data: async (ctx) => {
    const points = await ctx.dataset("points");
    ctx.log("files", points.files.join(" "));
    const peeked = await Deno.readTextFile(${JSON.stringify(peek)}).catch(() => "refused");
    const written = await Deno.writeTextFile(${
  JSON.stringify(peek)
} + "2", "x").then(() => "wrote", () => "refused");
    ctx.log("peek", peeked, written);
    await ctx.dataset("other").catch((error) => ctx.log(error.message));
    return { train: await npy(await points.open("xs.npy"), await points.open("ys.npy")) };
  },
});`;

function npyFile(shape: string, values: Float32Array): Blob {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117) +
    "\n";
  const bytes = new Uint8Array(10);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]);
  return new Blob([bytes, header, values.slice()]);
}

async function submit(server: ServerProcess, source: string) {
  const body = JSON.stringify({ module: source, datasets: ["points"] });
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(`${server.url}/jobs`, { method: "POST", body, headers });
  return { status: response.status, job: await response.json() };
}

Deno.test("a job reads the datasets that it names, by ranges, and no others", async () => {
  const mount = await Deno.makeTempDir();
  await Deno.writeTextFile(`${mount}/secret.txt`, "secret");
  await using server = await ServerProcess.start("--datasets", `private=${mount}`);
  try {
    const unknown = await submit(server, module(`${mount}/secret.txt`));
    assertEquals([unknown.status, unknown.job.field], [422, "datasets"]);

    const form = new FormData();
    form.append("file", npyFile("8, 2", new Float32Array(16).fill(1)), "xs.npy");
    form.append("file", npyFile("8,", new Float32Array(8).fill(2)), "ys.npy");
    const put = () => fetch(`${server.url}/datasets/points`, { method: "PUT", body: form });
    const created = await put();
    const dataset = await created.json();
    assertEquals(created.status, 201);

    const { status, job } = await submit(server, module(`${mount}/secret.txt`));
    assertEquals(status, 201);
    assertEquals(job.datasets, [{ name: "points", sha256: dataset.sha256 }]);
    assertEquals((await server.state(job.id, "completed", "failed"))["state"], "completed");
    const lines: string[] = [];
    for await (const { type, data } of server.events(`/jobs/${job.id}/events`)) {
      if (type === "log") lines.push(String(data["message"]));
      if (type === "trainingFinished") break;
    }
    assert(lines.includes("files xs.npy ys.npy"));
    assert(lines.includes("peek refused refused"));
    assert(lines.some((line) => line.includes('names no dataset "other"')));

    const removed = await fetch(`${server.url}/datasets/points`, { method: "DELETE" });
    assertEquals(removed.status, 204);
    const test = await fetch(`${server.url}/jobs/${job.id}/test`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ split: "train" }),
    });
    const problem = await test.json();
    assertEquals([test.status, problem.detail], [
      409,
      "the dataset points has been deleted; upload it again",
    ]);
    assertEquals((await put()).status, 201);
    const retried = await fetch(`${server.url}/jobs/${job.id}/test`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ split: "train" }),
    });
    assertEquals((await retried.json()).samples, 8);
  } finally {
    await Deno.remove(mount, { recursive: true });
  }
});

const IMAGES = `
import { defineJob, imageFolder, parquet } from "onthefly";
import * as tf from "@tensorflow/tfjs";
export default defineJob({
  config: { batchSize: 2, maxSteps: 3 },
  model: () => tf.sequential({ layers: [
    tf.layers.flatten({ inputShape: [4, 4, 3] }),
    tf.layers.dense({ units: 2, activation: "softmax" }),
  ] }),
  optimizer: () => tf.train.sgd(0.01),
  loss: "categoricalCrossentropy",
  data: async (ctx) => {
    const flowers = await parquet(await ctx.open("flowers.parquet"), { label: "kind", columns: ["width"] });
    ctx.log("flowers", flowers.length);
    return { train: imageFolder(await ctx.dataset("pets"), { size: [4, 4] }) };
  },
});`;

Deno.test("a sandboxed job trains on PNG and JPEG images, and reads Parquet, with no permission but to read", async () => {
  await using server = await ServerProcess.start();
  const form = new FormData();
  for (let at = 0; at < 3; at++) {
    const grey = { width: 5, height: 6, channels: 1, data: new Uint8Array(30).fill(at) } as const;
    form.append("file", new Blob([encode(grey) as BlobPart]), `cats/${at}.png`);
    form.append("file", new Blob([JPEG]), `dogs/${at}.jpg`);
  }
  const put = await fetch(`${server.url}/datasets/pets`, { method: "PUT", body: form });
  assertEquals((await put.json()).files.length, 6);
  const flowers = await Deno.readFile(new URL("../fixtures/flowers.parquet", import.meta.url));
  const { body } = await server.call("POST", "/jobs", {
    module: IMAGES,
    datasets: ["pets"],
    files: { "flowers.parquet": flowers.toBase64() },
  });
  const ended = await server.state(String(body["id"]), "completed", "failed");
  assertEquals([ended["error"], ended["step"]], [null, 3]);
});
