import { assertEquals } from "@std/assert";
import { ServerProcess } from "../fixtures/server_process.ts";

/** A model over samples that are made when asked for: a scan of all takes minutes. */
const ENDLESS = `import { defineJob } from "onthefly";
import * as tf from "@tensorflow/tfjs";
const data = {
  length: 20_000_000,
  batch: (indices) => ({ xs: tf.zeros([indices.length, 4]), ys: tf.zeros([indices.length, 1]) }),
};
export default defineJob({
  config: { maxSteps: 3, batchSize: 8 },
  model: () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [4] })] }),
  optimizer: () => tf.train.sgd(0.1),
  loss: "meanSquaredError",
  data: () => ({ train: data }),
});
`;

Deno.test("DELETE of a report's command ends its worker half-way, twice, and keeps nothing", async () => {
  await using server = await ServerProcess.start();
  const job = await server.submit(ENDLESS);
  await server.state(job, "completed");
  let after = "0";
  for (let time = 1; time <= 2; time++) {
    const { status, headers } = await server.call("POST", `/jobs/${job}/report`, {}, {
      prefer: "respond-async",
    });
    assertEquals(status, 202);
    const path = `/jobs/${job}/events?types=progress&after=${after}`;
    const { id, data } = await server.event(path, ({ data }) => data["task"] === "scan");
    assertEquals(data["total"], 20_000_000);
    after = id;
    const command = headers.get("location")!;
    const cancelled = await server.call("DELETE", command);
    assertEquals([cancelled.status, cancelled.body["status"]], [200, "failed"]);
    const again = await server.call("DELETE", command);
    assertEquals(again.body, cancelled.body);
  }
  const { body: reports } = await server.call("GET", `/jobs/${job}/reports`);
  assertEquals(reports["items"], []);
  const { body: ready } = await server.call("GET", "/readyz");
  assertEquals((ready["slots"] as { helper_used: number }).helper_used, 0);
  assertEquals((await server.call("GET", `/jobs/${job}`)).body["state"], "completed");
});
