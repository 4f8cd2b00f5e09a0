import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { installSeededRandom } from "../../runtime/determinism/seeded_math_random.ts";
import { loadJob } from "../../runtime/session/load_job.ts";
import { evaluate } from "../../runtime/training/evaluate.ts";
import { trainLoop } from "../../runtime/training/train_loop.ts";
import { launchContext } from "../fixtures/worker_process.ts";

const SPIRALS = fromFileUrl(new URL("../fixtures/spirals.ts", import.meta.url));

Deno.test("trainLoop() holds the number of tensors flat over 1,000 steps, evaluations among them", async () => {
  await chooseBackend("wasm", 1);
  const random = installSeededRandom(keyedStream(0, "setup"));
  try {
    const config = { max_epochs: 1000, max_steps: 1010 };
    const context = launchContext(SPIRALS, "", { config });
    const { run } = await loadJob(context, random, () => {});
    const tensors = new Map<number, number>();
    await trainLoop(run, {
      gate: () => "go on",
      onStep: () => void tensors.set(run.step, tf.memory().numTensors),
      onEpochEnd: async () => void await evaluate(run, "val"),
      checkpoint: () => {},
    });
    assertEquals(tensors.size, 1010);
    assertEquals(tensors.get(1010), tensors.get(10));
  } finally {
    random.uninstall();
  }
});
