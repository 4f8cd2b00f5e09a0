import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { PROJECT_ROOT } from "../fixtures/job_folder.ts";
import { ServerProcess } from "../fixtures/server_process.ts";
import { webGpuForTests } from "../fixtures/webgpu_adapter.ts";

const adapter = await webGpuForTests();
const spirals = await Deno.readTextFile(`${PROJECT_ROOT}/tests/fixtures/spirals.ts`);

Deno.test({
  name: "a job that names webgpu trains on a real server, is steered and taken back",
  ignore: adapter === null,
  fn: async () => {
    await using server = await ServerProcess.start();
    const config = { backend: "webgpu", max_epochs: 1_000, max_steps: 100_000 };
    const job = `/jobs/${await server.submit(spirals, config)}`;
    const steps = `${job}/events?types=trainStep`;
    await server.event(steps, ({ data }) => data["step"] === 3);
    const read = (await server.call("GET", job)).body;
    assertStringIncludes(JSON.stringify(read["backend"]), `webgpu on ${adapter}`);
    assertEquals(read["determinism"], "none");
    assert(["bwrap+deno", "deno"].includes(String(read["isolation"])), `${read["isolation"]}`);

    const paused = await server.call("POST", `${job}/pause`);
    assertEquals(paused.status, 200);
    const saved = await server.call("POST", `${job}/checkpoints`);
    const checkpoint = saved.body["checkpoint"];
    assertEquals((await server.call("PATCH", `${job}/hparams`, { lr: 0.001 })).status, 200);
    assertEquals((await server.call("POST", `${job}/test`, { split: "test" })).status, 200);
    assertEquals((await server.call("POST", `${job}/resume`)).status, 200);
    const at = Number(paused.body["applied_at_step"]);
    const { data } = await server.event(steps, ({ data }) => data["step"] === at + 2);
    assertEquals(data["lr"], 0.001);
    assertEquals((await server.call("POST", `${job}/rewind`, { checkpoint })).status, 200);
    assertEquals((await server.call("POST", `${job}/stop`)).status, 200);
  },
});

Deno.test("a server that is to compute on webgpu does not start where no GPU may be used", async () => {
  const folder = await Deno.makeTempDir();
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--quiet", `${PROJECT_ROOT}/main.ts`, "serve", "--port=0"],
      ...[`--data-dir=${folder}/data`, "--backend=webgpu"],
    ],
    // A driver that is not there, whatever the machine has.
    env: { VK_DRIVER_FILES: "/nowhere", DENO_WEBGPU_BACKEND: "vulkan" },
  }).output();
  await Deno.remove(folder, { recursive: true });
  assertEquals(code, 2);
  assertStringIncludes(
    new TextDecoder().decode(stderr),
    "ONTHEFLY_BACKEND: webgpu cannot be used: ",
  );
});
