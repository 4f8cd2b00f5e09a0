import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { AttemptRecord } from "../fixtures/attempt_record.ts";
import { JobFolder, PROJECT_ROOT } from "../fixtures/job_folder.ts";
import type { AttemptOptions } from "../fixtures/launch_request.ts";
import { foreignLibrary, tensorFlowForTests } from "../fixtures/tensorflow_library.ts";

const installed = await tensorFlowForTests();
const ignore = installed === null;
const spirals = await Deno.readTextFile(`${PROJECT_ROOT}/tests/fixtures/spirals.ts`);
const STEPS = 120;
const config = { max_epochs: 1_000, max_steps: STEPS };

/** What a module, or the native code that it reaches, may try; each prints how it went. */
const nosy = `import * as tf from "@tensorflow/tfjs";
import { attempt } from "./attempt.ts";
export { default } from "./tiny_job.ts";

const backend = tf.backend();
/** Has TensorFlow itself read a file: its operations ask Deno for no permission. */
function readNatively(path) {
  const codes = Int32Array.from(path, (letter) => letter.charCodeAt(0));
  const { binding } = backend;
  const text = (name, value) => ({ name, type: binding.TF_ATTR_STRING, value });
  const letters = binding.createTensor([codes.length], binding.TF_INT32, codes);
  const splits = binding.createTensor([2], binding.TF_INT64, Int32Array.of(0, 0, codes.length, 0));
  const [name] = binding.executeOp("UnicodeEncode", [
    text("output_encoding", "UTF-8"),
    { name: "Tsplits", type: binding.TF_ATTR_TYPE, value: binding.TF_INT64 },
  ], [letters, splits], 1);
  const scalar = binding.createTensor([0], binding.TF_INT32, new Int32Array(0));
  const [one] = binding.executeOp("Reshape", [
    { name: "T", type: binding.TF_ATTR_TYPE, value: binding.TF_STRING },
    { name: "Tshape", type: binding.TF_ATTR_TYPE, value: binding.TF_INT32 },
  ], [name.id, scalar], 1);
  return binding.executeOp("ReadFile", [], [one.id], 1)[0].shape;
}
console.log("native: " + readNatively(new URL("module.ts", import.meta.url).pathname).length);
await attempt("read a file of the system", () => readNatively("/etc/hostname"));
await attempt("read a sibling", () => readNatively(new URL("../job-sibling/module.ts", import.meta.url).pathname));
await attempt("open the library", () => Deno.dlopen("LIBRARY", { getpid: { parameters: [], result: "i32" } }));
await attempt("make a pointer", () => Deno.UnsafePointer.create(4096n));
`;

async function train(folder: JobFolder, options: AttemptOptions): Promise<AttemptRecord> {
  const record = await folder.launch("noise", spirals, { config, ...options });
  await record.exit();
  return record;
}

/** The losses of its steps. @throws when it did not train to its end. */
async function lossesOf(record: AttemptRecord, steps = STEPS): Promise<number[]> {
  const { code, stderrTail } = await record.exit();
  assertEquals(code, 0, stderrTail);
  const losses = record.events.flatMap((event) =>
    event.type === "trainStep" && event.loss !== null ? [event.loss] : []
  );
  assertEquals(losses.length, steps);
  return losses;
}

Deno.test({ name: "a worker on tensorflow trains inside bwrap as on wasm", ignore }, async (t) => {
  await using folder = await JobFolder.open("auto", installed!.folder);
  const sandboxed = folder.launcher.isolation.kind === "bwrap+deno";
  if (!sandboxed) console.log(`skipped: ${folder.launcher.isolation.reason}`);
  const step = (name: string, fn: () => Promise<void>) => t.step({ name, ignore: !sandboxed, fn });

  let native: number[] = [];
  await step("its losses are wasm's, but for rounding", async () => {
    const record = await train(folder, { job: "job-a", backend: "tensorflow" });
    native = await lossesOf(record);
    const wasm = await lossesOf(await train(folder, { job: "job-b", backend: "wasm" }));
    for (const [at, loss] of native.entries()) {
      assert(Math.abs(loss - wasm[at]!) < 1e-5, `step ${at + 1}: ${loss}, on wasm ${wasm[at]}`);
    }
  });
  await step("auto is tensorflow; it repeats to the bit and says where that holds", async () => {
    const record = await train(folder, { job: "job-c", backend: "auto" });
    assertEquals(await lossesOf(record), native);
    const started = await record.event("session_started");
    assertEquals(started.backend.name, "tensorflow");
    assertEquals(started.determinism, "same_machine");
    assertEquals(started.runtime["tensorflow"], installed!.version);
  });
  await step("from a checkpoint it goes on to the bit", async () => {
    const half = { ...config, max_steps: STEPS / 2 };
    const first = await train(folder, { job: "job-g", backend: "tensorflow", config: half });
    const { file, checkpoint, sha256 } = await first.event(
      "checkpoint_saved",
      ({ reason }) => reason === "final",
    );
    const options = { job: "job-g", backend: "tensorflow", config } as const;
    const request = await folder.request("noise", spirals, options);
    const path = `${request.context.checkpoint_dir}/${file}`;
    request.context.start = {
      from: "checkpoint",
      checkpoint: { job: "job-g", checkpoint, path, sha256 },
    };
    request.context.next_checkpoint = checkpoint + 1;
    const second = new AttemptRecord(await folder.launcher.launch(request));
    assertEquals(await lossesOf(second, STEPS / 2), native.slice(STEPS / 2));
  });
  await step("it says no word of its own", async () => {
    const record = await train(folder, { job: "job-d", backend: "tensorflow" });
    assertEquals([...record.lines("stderr"), ...record.lines("stdout")], []);
  });
  await step("native code sees no file but the job's, and the module loads none", async () => {
    await folder.request("escapes", spirals, { job: "job-sibling" });
    const source = nosy.replace("LIBRARY", installed!.path);
    const record = await folder.launch("escapes", source, { job: "job-e", backend: "tensorflow" });
    const { code, stderrTail } = await record.exit();
    assertEquals(code, 0, stderrTail);
    assertEquals(record.lines("stdout"), [
      "native: 0",
      "denied: read a file of the system: TensorFlowError",
      "denied: read a sibling: TensorFlowError",
      "denied: open the library: NotCapable",
      "denied: make a pointer: NotCapable",
    ]);
  });
  await step("memory past its limit ends it", async () => {
    const memoryBytes = 2 ** 28;
    const record = await train(folder, { job: "job-f", backend: "tensorflow", memoryBytes });
    assertEquals((await record.exit()).cause, "memory");
  });
});

Deno.test(
  { name: "native code is refused outside bwrap, unless it is trusted", ignore },
  async (t) => {
    await t.step("refused: auto is wasm and says how to trust it", async () => {
      await using folder = await JobFolder.open("deno", installed!.folder);
      assertEquals(folder.launcher.native.library, null);
      const record = await train(folder, { backend: "auto" });
      const { backend } = await record.event("session_started");
      assertEquals(backend.name, "wasm");
      assertStringIncludes(backend.reason, "native code runs only inside bwrap");
      assertStringIncludes(backend.reason, "ONTHEFLY_SANDBOX=trust-native");
    });
    await t.step("refused: tensorflow fails the job and says why", async () => {
      await using folder = await JobFolder.open("deno", installed!.folder);
      const record = await train(folder, { backend: "tensorflow" });
      const { phase, message } = await record.event("error");
      assertEquals(phase, "backend");
      assertStringIncludes(message, "native code runs only inside bwrap");
      assertEquals((await record.exit()).code, 1);
    });
  },
);

Deno.test("a library that does not load fails a job on tensorflow with its name", async () => {
  const library = await Deno.makeTempDir();
  await foreignLibrary(library);
  const files = await Promise.all([...Deno.readDirSync(library)].map(async ({ name }) => (
    { name, bytes: (await Deno.stat(`${library}/${name}`)).size, sha256: "" }
  )));
  const record = { version: "2.0.0", library: "libtensorflow_cc.so.2", files, source: "a test" };
  await Deno.writeTextFile(`${library}/library.json`, JSON.stringify(record));
  await using folder = await JobFolder.open("auto", library);
  if (folder.launcher.isolation.kind !== "bwrap+deno") return console.log("skipped: no bwrap");
  const attempt = await train(folder, { backend: "tensorflow" });
  const { message } = await attempt.event("error");
  assertStringIncludes(message, "has no eager C API of TensorFlow");
  await Deno.remove(library, { recursive: true });
});
