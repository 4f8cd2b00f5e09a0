import { assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import { keyedStream } from "../../runtime/determinism/rng.ts";
import { installSeededRandom } from "../../runtime/determinism/seeded_math_random.ts";
import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import { loadJob } from "../../runtime/session/load_job.ts";
import { PhaseError } from "../../runtime/session/phase_error.ts";
import { launchContext } from "../fixtures/worker_process.ts";

/** 96 training samples. */
const SAMPLED = fromFileUrl(new URL("../fixtures/sampled.ts", import.meta.url));

async function load(changes: Partial<LaunchContext>): Promise<number> {
  await chooseBackend("wasm", 1);
  const random = installSeededRandom(keyedStream(0, "setup"));
  try {
    const { run } = await loadJob(launchContext(SAMPLED, "", changes), random, () => {});
    return run.sampler.next().indices.length;
  } finally {
    random.uninstall();
  }
}

Deno.test("loadJob() refuses a batch size that is larger than the training split, by both numbers", async () => {
  const error = await assertRejects(() => load({ config: { batch_size: 97 } }), PhaseError);
  assertEquals(error.phase, "config");
  assertEquals(error.message, "config.batch_size: 97 is larger than the 96 training samples");
  assertEquals(await load({ config: { batch_size: 96 } }), 96);
});

Deno.test("loadJob() takes a larger batch size of an attempt that goes on", async () => {
  assertEquals(await load({ config: { batch_size: 97 }, run_gen: 2 }), 96);
});
