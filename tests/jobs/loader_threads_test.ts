/** Loader threads in real workers: no permission that the worker lacks, within its memory. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { AttemptRecord } from "../fixtures/attempt_record.ts";
import { JobFolder } from "../fixtures/job_folder.ts";

/** A job whose loader thread runs `act` before it makes its first sample. */
function moduleWith(act: string): string {
  return `import * as tf from "@tensorflow/tfjs";
import { defineJob } from "onthefly";
import { attempt } from "./attempt.ts";
let done: Promise<void> | null = null;
async function act(): Promise<void> {
  ${act}
}
export default defineJob({
  config: { maxEpochs: 1_000_000, batchSize: 4, loaders: 2, prefetch: 4 },
  model: () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] }),
  optimizer: () => tf.train.sgd(0.01),
  loss: "meanSquaredError",
  data: (ctx) => ({ train: {
    length: 40,
    async sample(index: number) {
      if ("WorkerGlobalScope" in globalThis) await (done ??= act());
      // The training thread makes the batches until the threads are ready.
      else await new Promise((resolve) => setTimeout(resolve, 5));
      return { xs: [index / 40, ctx.seed], ys: 1 };
    },
  } }),
});
`;
}

for (const sandbox of ["auto", "deno"] as const) {
  Deno.test(`a loader thread may do what its worker may, with sandbox ${sandbox}`, async () => {
    await using folder = await JobFolder.open(sandbox);
    const module = moduleWith(`
  await attempt("read a file", () => Deno.readTextFile("/etc/passwd"));
  await attempt("write a file", () => Deno.writeTextFile(import.meta.dirname + "/x", ""));
  await attempt("connect", () => Deno.connect({ hostname: "127.0.0.1", port: 9 }));
  await attempt("run a program", () => new Deno.Command("true").output());
  await attempt("read the environment", () => Deno.env.toObject());
  await attempt("load native code", () => Deno.dlopen("libc.so.6", {}));`);
    const request = await folder.request("escapes", module, { backend: "wasm" });
    const record = new AttemptRecord(await folder.launcher.launch(request));
    const told = () => record.lines("module");
    // Each of two threads tells its six.
    await record.event(
      "log",
      () => told().filter((line) => /^(denied|escaped): /.test(line)).length === 12,
    );
    assertEquals(told().filter((line) => line.startsWith("escaped: ")), []);
    const { step } = record.events.findLast((event) => event.type === "trainStep")!;
    await record.event("trainStep", (later) => later.step > step + 10);
    const { cause, code } = await record.worker.stop("exit", 5_000);
    assertEquals([cause, code], ["exit", 0]);
  });
}

Deno.test("a loader thread that takes too much memory ends the worker, for that cause", async () => {
  await using folder = await JobFolder.open("auto");
  const module = moduleWith(`
  const held: Uint8Array[] = [];
  for (;;) {
    held.push(new Uint8Array(32 * 2 ** 20).fill(1));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }`);
  const options = { backend: "wasm", memoryBytes: 700 * 2 ** 20 } as const;
  const record = new AttemptRecord(
    await folder.launcher.launch(await folder.request("escapes", module, options)),
  );
  assertEquals((await record.exit()).cause, "memory");
});

Deno.test("an error of a loader thread fails the job, with the module's lines", async () => {
  await using folder = await JobFolder.open("auto");
  const request = await folder.request("escapes", moduleWith(`throw new RangeError("torn");`), {
    backend: "wasm",
  });
  const record = new AttemptRecord(await folder.launcher.launch(request));
  const { message, stack, fatal } = await record.event("error");
  assertEquals(fatal, true);
  assertStringIncludes(message, "threw: torn");
  assertStringIncludes(stack ?? "", "module.ts:6");
  assertEquals((await record.exit()).code, 1);
});
