import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { denoCacheKey } from "../../jobs/workers/deno_cache.ts";
import { ProcessLauncher } from "../../jobs/workers/process_launcher.ts";
import { bwrapArguments } from "../../jobs/workers/sandbox.ts";
import { gpuDevices } from "../../jobs/workers/gpu_devices.ts";
import { findWebGpu, type WebGpuAccess, webGpuFor } from "../../jobs/workers/webgpu_adapter.ts";
import { AttemptRecord } from "../fixtures/attempt_record.ts";
import { JobFolder, PROJECT_ROOT } from "../fixtures/job_folder.ts";
import { type AttemptOptions, launchRequest } from "../fixtures/launch_request.ts";
import { webGpuForTests } from "../fixtures/webgpu_adapter.ts";

const adapter = await webGpuForTests();
const ignore = adapter === null;
const spirals = await Deno.readTextFile(`${PROJECT_ROOT}/tests/fixtures/spirals.ts`);
const STEPS = 12;
const config = { max_epochs: 1_000, max_steps: STEPS };
const deno = { kind: "deno", reason: "for the test" } as const;

Deno.test("gpuDevices() names what GPUs are reached through, of all that there is", async () => {
  const folder = await Deno.makeTempDir();
  assertEquals(gpuDevices(folder, "linux"), []);
  await Deno.mkdir(`${folder}/dri`);
  for (const name of ["nvidia0", "nvidiactl", "null", "tty1", "sda", "nvme0"]) {
    await Deno.writeTextFile(`${folder}/${name}`, "");
  }
  assertEquals(
    gpuDevices(folder, "linux"),
    ["dri", "nvidia0", "nvidiactl"].map((name) => `${folder}/${name}`),
  );
  assertEquals(gpuDevices(folder, "darwin"), null);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("findWebGpu() asks no driver where there is no device, unless webgpu was asked for", async () => {
  const { adapter, reason } = await findWebGpu("auto", "auto", deno, []);
  assertEquals([adapter, reason], [null, "there is no GPU"]);
  assertEquals((await findWebGpu("wasm", "auto", deno, ["/dev/dri"])).adapter, null);
});

Deno.test("findWebGpu() leaves a GPU alone that would have to do without a sandbox that is required", async () => {
  const { adapter } = await findWebGpu("webgpu", "require", deno, []);
  assertEquals(adapter, null);
});

Deno.test({
  name: "findWebGpu() takes no software for a GPU by itself, and says how to take it",
  ignore,
  fn: async () => {
    const found = await findWebGpu("auto", "auto", deno, ["/dev/null"]);
    if (found.adapter !== null) return console.log(`not tried: ${adapter} is hardware`);
    assertStringIncludes(found.reason, `only software answers, ${adapter}`);
    assertStringIncludes(found.reason, "ONTHEFLY_BACKEND=webgpu takes it");
  },
});

Deno.test("webGpuFor() gives the GPU to attempts that compute on it, and to no other", () => {
  const access: WebGpuAccess = { adapter: "a GPU", reason: "", sandboxed: true, devices: [] };
  const none = { library: null, reason: "" };
  const native = { library: { folder: "/f", path: "/f/l", version: "2.21.0" }, reason: "" };
  const backends = ["auto", "tensorflow", "webgpu", "wasm", "cpu"] as const;
  const given = (library: typeof none | typeof native) =>
    backends.filter((backend) => webGpuFor({ backend }, library, access) !== null);
  assertEquals(given(none), ["auto", "webgpu"]);
  assertEquals(given(native), ["webgpu"]);
  assertEquals(webGpuFor({ backend: "webgpu" }, none, { ...access, adapter: null }), null);
});

Deno.test("bwrapArguments() binds the devices of a view, and with none no more than before", () => {
  const view = { readable: [], writable: [], scratch: [], env: {}, workingDir: "/" };
  const args = bwrapArguments({ ...view, devices: ["/dev/dri"] }).join(" ");
  assertStringIncludes(args, "--dev /dev");
  assertStringIncludes(args, "--ro-bind-try /sys/dev /sys/dev");
  assert(args.indexOf("--dev-bind /dev/dri /dev/dri") > args.indexOf("--dev /dev"));
  assertEquals(bwrapArguments({ ...view, devices: [] }), bwrapArguments(view));
});

Deno.test("isolationFor() says what an attempt gets whose GPU answers in Deno's own sandbox only", async () => {
  const none = { library: null, reason: "" };
  const bwrap = { kind: "bwrap+deno", reason: "for the test" } as const;
  const outside = { adapter: "a GPU", reason: "not in bwrap", sandboxed: false, devices: [] };
  const folder = await Deno.makeTempDir();
  // Its cache is said to be warm, so that it starts no process.
  await Deno.writeTextFile(`${folder}/warm`, denoCacheKey(PROJECT_ROOT));
  const options = { projectRoot: PROJECT_ROOT, sandbox: "auto", denoDir: folder } as const;
  const launcher = new ProcessLauncher(options, bwrap, none, outside);
  await launcher.warmed;
  const { context } = await launchRequest(folder, "");
  const kind = (backend: AttemptOptions["backend"] & string) =>
    launcher.isolationFor({ context: { ...context, backend } }).kind;
  assertEquals([kind("webgpu"), kind("auto"), kind("wasm")], ["deno", "deno", "bwrap+deno"]);
  await Deno.remove(folder, { recursive: true });
});

/** A net with the one layer that webgpu cannot train. */
const OBLONG = `import * as tf from "@tensorflow/tfjs";
import { defineJob, tensorDataset } from "onthefly";
export default defineJob({
  config: { maxSteps: 2, batchSize: 2 },
  model: () => tf.sequential({ layers: [
    tf.layers.conv3d({ inputShape: [4, 6, 4, 1], filters: 2, kernelSize: 1 }),
    tf.layers.maxPooling3d({ poolSize: [2, 3, 2], name: "oblong" }),
    tf.layers.flatten(),
    tf.layers.dense({ units: 1 }),
  ] }),
  optimizer: () => tf.train.sgd(0.1),
  loss: "meanSquaredError",
  data: () => ({ train: tensorDataset(tf.ones([4, 4, 6, 4, 1]), tf.zeros([4, 1])) }),
});
`;

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

function assertNear(actual: number[], expected: number[]): void {
  for (const [step, loss] of actual.entries()) assertAlmostEquals(loss, expected[step]!, 1e-3);
}

Deno.test({ name: "a worker on webgpu trains as on wasm", ignore }, async (t) => {
  await using folder = await JobFolder.open("auto", undefined, "webgpu");
  const launch = (options: AttemptOptions) => folder.launch("noise", spirals, options);
  let wasm: number[] = [];
  await t.step("its losses are wasm's, but for rounding, and it says what it is", async () => {
    wasm = await lossesOf(await launch({ job: "job-a", backend: "wasm", config }));
    const record = await launch({ job: "job-b", backend: "webgpu", config });
    assertNear(await lossesOf(record), wasm);
    const started = await record.event("session_started");
    assertEquals([started.backend.name, started.determinism], ["webgpu", "none"]);
    assertEquals(started.runtime["webgpu"], folder.launcher.webgpu.adapter);
    assertEquals([...record.lines("stderr"), ...record.lines("stdout")], []);
  });
  await t.step("it is where the launcher says that it is", async () => {
    const request = await folder.request("noise", spirals, { job: "job-c", backend: "webgpu" });
    const { kind } = folder.launcher.isolationFor(request);
    const { sandboxed } = folder.launcher.webgpu;
    assertEquals(kind, sandboxed ? folder.launcher.isolation.kind : "deno");
  });
  await t.step("a layer that webgpu cannot train is named before the first step", async () => {
    const record = await folder.launch("noise", OBLONG, { job: "job-e", backend: "webgpu" });
    const { message } = await record.event("error");
    assertStringIncludes(message, "oblong");
    assertStringIncludes(
      message,
      "cannot be trained on webgpu: maxPooling3d with poolSize [2,3,2]",
    );
    await record.exit();
    assertEquals(record.events.filter(({ type }) => type === "trainStep"), []);
  });
  await t.step("it pauses, saves and goes on; from the checkpoint it goes on as well", async () => {
    const record = await launch({ job: "job-d", backend: "webgpu", config });
    const { link } = record.worker;
    await record.event("session_started");
    const paused = await link.send("pause", {});
    const { checkpoint, step, file, sha256 } = await record.event(
      "checkpoint_saved",
      (event) => event.checkpoint === paused.checkpoint,
    );
    assertEquals(step, paused.applied_at_step);
    await link.send("test", { split: "test" });
    // A command that changes the course waits until it is durable.
    const resumed = link.send("resume", {});
    const applied = await record.event("command_applied", ({ command }) => command === "resume");
    link.acknowledge(applied.event_seq);
    await resumed;
    assertNear(await lossesOf(record), wasm);

    const request = await folder.request("noise", spirals, {
      job: "job-d",
      backend: "webgpu",
      config,
    });
    const path = `${request.context.checkpoint_dir}/${file}`;
    request.context.start = {
      from: "checkpoint",
      checkpoint: { job: "job-d", checkpoint, path, sha256 },
    };
    request.context.next_checkpoint = 100;
    const second = new AttemptRecord(await folder.launcher.launch(request));
    assertNear(await lossesOf(second, STEPS - step), wasm.slice(step));
  });
});
