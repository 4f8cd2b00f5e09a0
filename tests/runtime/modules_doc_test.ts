/** docs/modules.md is true: each module in it trains, with the files that it reads beside it. */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { encodeSafetensors } from "../../runtime/checkpoints/safetensors.ts";
import { fencedBlocks, readDocument } from "../fixtures/markdown.ts";
import { savedModel } from "../fixtures/saved_model.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";

const modules = fencedBlocks(await readDocument("docs/modules.md"))
  .filter(({ language, text }) => language === "ts" && text.includes("export default"));

/** Writes what the modules read: a model as TensorFlow.js saves it, weights as PyTorch does. */
async function writeFiles(folder: string): Promise<{ name: string; path: string }[]> {
  await chooseBackend("cpu", 1);
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 3, inputShape: [4] }),
      tf.layers.dense({ units: 1 }),
    ],
  });
  const saved = await savedModel(model);
  model.dispose();
  const weight = (name: string, shape: number[]) => ({
    name,
    shape,
    dtype: "F32" as const,
    values: new Float32Array(tf.util.sizeFromShape(shape)).fill(0.25),
  });
  const torch = encodeSafetensors([
    weight("fc1.weight", [8, 4]),
    weight("fc1.bias", [8]),
    weight("fc2.weight", [1, 8]),
    weight("fc2.bias", [1]),
  ], {});
  const torchFile = await new Blob(torch as BlobPart[]).bytes();
  const files: { name: string; path: string }[] = [];
  for (const [name, bytes] of Object.entries({ ...saved, "torch.safetensors": torchFile })) {
    const path = `${folder}/${name}`;
    await Deno.writeFile(path, bytes);
    files.push({ name, path });
  }
  return files;
}

Deno.test("docs/modules.md: each of its modules trains", async (t) => {
  assert(modules.length >= 6);
  const folder = await Deno.makeTempDir();
  const files = await writeFiles(folder);
  for (const { text, line } of modules) {
    await t.step(`the module of line ${line}`, async () => {
      const path = `${folder}/module_${line}.ts`;
      await Deno.writeTextFile(path, text);
      const config = { max_steps: 2 };
      const worker = new WorkerProcess(launchContext(path, folder, { files, config }));
      const { code } = await worker.ended();
      assertEquals(worker.all("error").map(({ message }) => message), []);
      assertEquals([code, worker.all("trainStep").length], [0, 2]);
    });
  }
  await Deno.remove(folder, { recursive: true });
});
