import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { takeDevices } from "../../jobs/workers/devices.ts";
import { GpuMeter } from "../../jobs/workers/gpu_meter.ts";
import { GpuBusyError, GpuPool } from "../../jobs/workers/gpu_pool.ts";
import { type Gpu, nvidiaNodes, parseGpus, readGpus } from "../../jobs/workers/nvidia_smi.ts";
import type { LaunchRequest } from "../../jobs/workers/launcher.ts";
import { findNativeBackend } from "../../jobs/workers/native_backend.ts";
import { bwrapArguments } from "../../jobs/workers/sandbox.ts";
import { findTensorFlow } from "../../jobs/workers/tensorflow_library.ts";
import type { ReceivedEvent } from "../../jobs/workers/trainer_link.ts";
import { launchRequest } from "../fixtures/launch_request.ts";

const NO_WEBGPU = { adapter: null, reason: "not looked for", sandboxed: false, devices: [] };

/** As `nvidia-smi --query-gpu=... --format=csv,noheader,nounits` writes it. */
const LISTED = `\
0, GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77, NVIDIA H200, 00000000:03:00.0, 143771, 1, 143156, 0
1, GPU-0c1e8b0a-8a1f-7b35-a6a1-3f4c7f6f2d10, NVIDIA L4, 00000001:C4:00.0, 23034, 20480, 2554, 87
2, GPU-7f0e4b2c-1111-2222-3333-444455556666, NVIDIA GB10, 0000000F:01:00.0, [N/A], [N/A], [N/A], [N/A]
3, GPU-aaaaaaaa-1111-2222-3333-444455556666, Tesla T4, 00000000:1A:00.0, 15360, 0, 15109, [Not Supported]
`;
const GIB = 2 ** 30;

function gpu(index: number, change: Partial<Gpu> = {}): Gpu {
  return {
    index,
    uuid: `GPU-${index}`,
    name: "NVIDIA L4",
    totalBytes: 24 * GIB,
    usedBytes: 0,
    freeBytes: 23 * GIB,
    busy: 0,
    bus: `0000:0${index}:00.0`,
    ...change,
  };
}

Deno.test("parseGpus() reads a line a GPU, and leaves out what has no memory of its own", () => {
  const [h200, l4, t4, ...rest] = parseGpus(LISTED);
  assertEquals(rest, []);
  assertEquals(h200, {
    index: 0,
    uuid: "GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77",
    name: "NVIDIA H200",
    totalBytes: 143_771 * 2 ** 20,
    usedBytes: 2 ** 20,
    freeBytes: 143_156 * 2 ** 20,
    busy: 0,
    bus: "0000:03:00.0",
  });
  assertEquals([l4!.bus, l4!.busy], ["0001:c4:00.0", 0.87]);
  assertEquals([t4!.name, t4!.busy], ["Tesla T4", null]);
});

Deno.test("parseGpus() makes nothing of what is no list", () => {
  assertEquals(parseGpus(""), []);
  assertEquals(parseGpus("No devices were found\n"), []);
  assertEquals(parseGpus("NVIDIA-SMI has failed because it couldn't communicate\n"), []);
});

Deno.test("readGpus() finds none where there is no nvidia-smi, or it fails", async () => {
  assertEquals(await readGpus("no-such-nvidia-smi"), []);
  assertEquals(await readGpus("false"), []);
});

Deno.test("nvidiaNodes() names the one GPU's node, by its minor, and those that control all", () => {
  const information = (bus: string) =>
    bus === "0000:03:00.0" ? "Model: \t\t NVIDIA H200\nDevice Minor: \t 4\n" : "";
  const nodes = nvidiaNodes(gpu(3), information, (path) => path !== "/dev/nvidia-uvm-tools");
  assertEquals(nodes, ["/dev/nvidia4", "/dev/nvidiactl", "/dev/nvidia-uvm"]);
  assertThrows(
    () => nvidiaNodes(gpu(1), information),
    Error,
    "does not say which device NVIDIA L4",
  );
});

Deno.test("GpuPool deals out the GPU with fewest workers, each to as many as share it", async () => {
  const pool = new GpuPool(() => Promise.resolve([gpu(0), gpu(1)]), 2);
  const leases = [await pool.take(), await pool.take(), await pool.take()];
  assertEquals(leases.map(({ gpu }) => gpu.index), [0, 1, 0]);
  assertEquals(leases.map(({ fraction }) => fraction), [0.45, 0.45, 0.45]);
  leases[1]!.release();
  leases[1]!.release();
  assertEquals((await pool.take()).gpu.index, 1);
});

Deno.test("GpuPool leaves a GPU alone whose memory others hold", async () => {
  const pool = new GpuPool(() => Promise.resolve([gpu(0, { freeBytes: 5 * GIB }), gpu(1)]), 1);
  assertEquals((await pool.take()).gpu.index, 1);
});

Deno.test("GpuPool refuses where none has room, and says what each has", async () => {
  const pool = new GpuPool(() => Promise.resolve([gpu(0, { freeBytes: 5 * GIB })]), 1);
  await assertRejects(
    () => pool.take(),
    GpuBusyError,
    "no GPU has room for a worker, which may take 90% of its memory: " +
      "GPU 0 (NVIDIA L4) has 5.0 GiB of 24.0 GiB free, 0 workers are on it",
  );
  const none = new GpuPool(() => Promise.resolve([]), 1);
  await assertRejects(() => none.take(), GpuBusyError, "lists no GPU any more");
});

Deno.test("GpuPool gives a worker beyond the shares what memory is left", async () => {
  let free = 23 * GIB;
  const pool = new GpuPool(() => Promise.resolve([gpu(0, { freeBytes: free })]), 1);
  await pool.take();
  free = 12 * GIB;
  const { fraction } = await pool.take();
  assert(Math.abs(fraction - 0.45) < 1e-9, `${fraction}`);
  free = GIB / 2;
  await assertRejects(() => pool.take(), GpuBusyError, "2 workers are on it");
});

Deno.test("takeDevices() gives an attempt on a library for GPUs one GPU, and shows it no other", async () => {
  const { library, request, release } = await libraryForGpus();
  const gpus = new GpuPool(() => Promise.resolve([gpu(0)]), 2);
  const here = { native: { library, reason: "it is there" }, webgpu: NO_WEBGPU, gpus };
  // There is no driver here that says which node a GPU has; the lease must not be lost by that.
  await assertRejects(() => takeDevices(request("tensorflow"), here), Error, "does not say which");
  const information = () => "Device Minor: 0\n";
  const { told, env, nodes, lease } = await takeDevices(
    request("auto"),
    { ...here, nodesOf: (gpu) => nvidiaNodes(gpu, information, () => true) },
  );
  assertEquals(told.tensorflow.gpu, { name: "NVIDIA L4", fraction: 0.45 });
  assertEquals(env["CUDA_VISIBLE_DEVICES"], "GPU-0");
  assertEquals(env["LD_LIBRARY_PATH"], library.folder);
  assertEquals(nodes, [
    "/dev/nvidia0",
    "/dev/nvidiactl",
    "/dev/nvidia-uvm",
    "/dev/nvidia-uvm-tools",
  ]);
  const view = { readable: [], writable: [], scratch: [], env, workingDir: "/" };
  const args = bwrapArguments({ ...view, devices: nodes }).join(" ");
  assert(args.includes("--dev-bind /dev/nvidia0 /dev/nvidia0"));
  assert(!args.includes("/dev/nvidia1"));
  lease!.release();
  const { told: onWasm, lease: none, library: unused } = await takeDevices(request("wasm"), here);
  assertEquals([none, unused, onWasm.tensorflow.library], [null, null, null]);
  await release();
});

Deno.test("findNativeBackend() takes a library for GPUs for none where there is no GPU", async () => {
  const { library, release } = await libraryForGpus();
  const isolation = { kind: "bwrap+deno", reason: "for the test" } as const;
  const find = (gpus: Gpu[]) =>
    findNativeBackend(library.folder, "auto", isolation, () => Promise.resolve(gpus));
  const none = await find([]);
  assertEquals(none.library, null);
  assert(none.reason.endsWith("for NVIDIA's GPUs, and nvidia-smi lists none"), none.reason);
  const found = await find([gpu(0)]);
  assertEquals([found.library?.gpu, found.gpus?.length], [true, 1]);
  await release();
});

Deno.test("GpuMeter writes each look into one step, and into no other event", async () => {
  const seen = gpu(0, { usedBytes: 3 * GIB, busy: 0.5 });
  const meter = new GpuMeter(() => Promise.resolve([gpu(1), seen]), seen);
  await meter.look();
  meter.stop();
  const stamped = (event: Record<string, unknown>) => {
    const received = { event, json: JSON.stringify(event) } as unknown as ReceivedEvent;
    return JSON.parse(meter.stamped(received).json);
  };
  const step = { type: "trainStep", step: 1, loss: 0.5, mem_vram: null, gpu_util: null };
  assertEquals(stamped({ type: "paused", step: 1 }), { type: "paused", step: 1 });
  assertEquals(stamped(step), { ...step, mem_vram: 3 * GIB, gpu_util: 0.5 });
  assertEquals(stamped(step), step);
});

Deno.test("GpuMeter leaves a gap where nvidia-smi fails", async () => {
  const meter = new GpuMeter(() => Promise.reject(new Error("for the test")), gpu(0));
  await meter.look();
  meter.stop();
  const received = { event: { type: "trainStep" }, json: "{}" } as unknown as ReceivedEvent;
  assertEquals(meter.stamped(received), received);
});

/** What looks like a library for GPUs, and requests to launch attempts that would use it. */
async function libraryForGpus() {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/libtensorflow_cc.so.2`, "1234");
  const files = [{ name: "libtensorflow_cc.so.2", bytes: 4, sha256: "" }];
  const record = { version: "2.21.0", library: files[0]!.name, files, source: "a test", gpu: true };
  await Deno.writeTextFile(`${folder}/library.json`, JSON.stringify(record));
  const library = await findTensorFlow(folder);
  const { context, ...rest } = await launchRequest(folder, "");
  return {
    library,
    request: (backend: LaunchRequest["context"]["backend"]) => ({
      ...rest,
      context: { ...context, backend },
    }),
    release: () => Deno.remove(folder, { recursive: true }),
  };
}
