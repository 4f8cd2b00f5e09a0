import { assertEquals, assertStringIncludes } from "@std/assert";
import { ServerProcess } from "../fixtures/server_process.ts";

const moduleOn = (backend: string) =>
  `import { defineJob, tensorDataset } from "onthefly";
import * as tf from "@tensorflow/tfjs";
export default defineJob({
  config: { maxSteps: 3, ${backend} },
  model: () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] }),
  optimizer: () => tf.train.sgd(0.01),
  loss: "meanSquaredError",
  data: () => ({ train: tensorDataset(tf.randomNormal([64, 2]), tf.randomNormal([64, 1])) }),
});
`;

Deno.test("config.backend: a job computes on what it asks for, whatever the server is set to", async (t) => {
  await using server = await ServerProcess.start("--backend", "wasm");
  const backendOf = async (job: string) => {
    const { backend } = await server.state(job, "completed") as { backend: { name: string } };
    return backend.name;
  };
  const job = await server.submit(moduleOn('backend: "cpu"'));
  await t.step("as its module says", async () => {
    assertEquals(await backendOf(job), "cpu");
  });
  await t.step("as the request says, which wins", async () => {
    assertEquals(await backendOf(await server.submit(moduleOn(""), { backend: "cpu" })), "cpu");
    const wins = await server.submit(moduleOn('backend: "cpu"'), { backend: "wasm" });
    assertEquals(await backendOf(wins), "wasm");
    assertEquals(await backendOf(await server.submit(moduleOn(""))), "wasm");
  });
  await t.step("and so does its fork, unless that asks for another", async () => {
    const fork = async (config: Record<string, unknown>) => {
      const request = { selection: { kind: "all" }, config: { max_steps: 1, ...config } };
      const { status, body } = await server.call("POST", `/jobs/${job}/fork`, request);
      assertEquals(status, 201, JSON.stringify(body));
      return await backendOf(String(body["id"]));
    };
    assertEquals([await fork({}), await fork({ backend: "wasm" })], ["cpu", "wasm"]);
  });
  await t.step("one that there is not is refused by name", async () => {
    const post = (module: string, config: Record<string, unknown>) =>
      server.call("POST", "/jobs", { module, config });
    const asked = await post(moduleOn(""), { backend: "abacus" });
    assertEquals([asked.status, asked.body["field"]], [422, "config.backend"]);
    const written = await post(moduleOn('backend: "abacus"'), {});
    assertEquals([written.status, written.body["field"]], [422, "module"]);
    assertStringIncludes(String(written.body["detail"]), "there is no abacus");
  });
  await t.step("one that the module computes comes too late, and says so", async () => {
    const late = await server.submit(moduleOn('backend: ["cpu"][0] as "cpu"'));
    const { error } = await server.state(late, "failed") as { error: { message: string } };
    assertStringIncludes(error.message, "config.backend: write it as a string literal");
  });
});
