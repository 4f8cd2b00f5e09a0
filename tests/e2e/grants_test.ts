/** What an operator adds to what modules may do, on a real server: packages, folders, and no more. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { importsConfig } from "../fixtures/imports_config.ts";
import { ServerProcess } from "../fixtures/server_process.ts";

function moduleReading(folder: string): string {
  return `import ms from "ms";
import { defineJob, tensorDataset } from "onthefly";
import * as tf from "@tensorflow/tfjs";
console.log(ms(60_000), Deno.readTextFileSync("${folder}/note.txt"));
export default defineJob({
  config: { maxSteps: 2, batchSize: 2 },
  model: () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] }),
  optimizer: () => tf.train.sgd(0.1),
  loss: "meanSquaredError",
  data: () => ({ train: tensorDataset(tf.zeros([4, 2]), tf.zeros([4, 1])) }),
});
`;
}

Deno.test("a job has the packages and folders that the operator grants, and its fork has them too", async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  const shared = `${folder}/shared`;
  try {
    await Deno.mkdir(`${shared}/pets`, { recursive: true });
    await Deno.writeTextFile(`${shared}/pets/note.txt`, "granted");
    const config = await importsConfig(`${folder}/imports`, { ms: "npm:ms@2.1.3" });
    await using server = await ServerProcess.start("--imports", config, "--allow-read", shared);
    const module = moduleReading(`${shared}/pets`);

    const lacking = await server.call("POST", "/jobs", {
      module,
      permissions: { read: [folder], net: ["example.com:443"] },
    });
    assertEquals(lacking.status, 422);
    assertEquals(lacking.body["field"], "permissions.net[0]");
    assertEquals(lacking.body["allowed"], []);
    const foreign = await server.call("POST", "/jobs", { module: `import "lodash";\n${module}` });
    assertStringIncludes(
      String(foreign.body["detail"]),
      "what can: onthefly, @tensorflow/tfjs, ms",
    );

    const permissions = { read: [`${shared}/pets`], net: [] };
    const { status, body: job } = await server.call("POST", "/jobs", { module, permissions });
    assertEquals(status, 201, JSON.stringify(job));
    assertEquals(job["permissions"], permissions);
    const { imports } = job as { imports: { lock: string } };
    assertEquals(imports.lock.length, 64);
    const { state, error } = await server.state(String(job["id"]), "completed", "failed");
    assertEquals([state, error], ["completed", null]);
    const log = await server.event(
      `/jobs/${job["id"]}/events?types=log`,
      ({ data }) => data["source"] === "stdout",
    );
    assertEquals(log.data["message"], "1m granted");

    const fork = await server.call("POST", `/jobs/${job["id"]}/fork`, {
      selection: { kind: "all" },
    });
    assertEquals([fork.status, fork.body["permissions"]], [201, permissions]);
    assertEquals(fork.body["imports"], imports);
    const child = await server.state(String(fork.body["id"]), "completed", "failed");
    assertEquals([child["state"], child["error"]], ["completed", null]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a job that was granted a folder gets no worker once the policy has it no longer", async () => {
  const shared = await Deno.realPath(await Deno.makeTempDir());
  const granting = await ServerProcess.start("--allow-read", shared);
  try {
    await Deno.writeTextFile(`${shared}/note.txt`, "granted");
    const module = moduleReading(shared).replace(`import ms from "ms";`, "const ms = String;");
    const permissions = { read: [shared], net: [] };
    const { body: job } = await granting.call("POST", "/jobs", { module, permissions });
    await granting.state(String(job["id"]), "completed");
    await granting.terminate();

    await granting.start([]);
    const fork = await granting.call("POST", `/jobs/${job["id"]}/fork`, {
      selection: { kind: "all" },
    });
    assertEquals(fork.status, 409);
    assertStringIncludes(String(fork.body["detail"]), "ONTHEFLY_ALLOW_READ allows nothing");
    const test = await granting.call("POST", `/jobs/${job["id"]}/test`, { split: "train" });
    assertEquals(test.status, 409);
  } finally {
    await granting[Symbol.asyncDispose]();
    await Deno.remove(shared, { recursive: true });
  }
});
