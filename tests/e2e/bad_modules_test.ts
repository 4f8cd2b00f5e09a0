import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ServerProcess } from "../fixtures/server_process.ts";

interface Faults {
  top?: string;
  data?: string;
  loss?: string;
  config?: string;
}

/** A small job with a fault in it. The lines before the fault are the same in every one. */
function moduleWith({ top = "", data = "", loss = "", config = "" }: Faults): string {
  return `import { defineJob, tensorDataset } from "onthefly";
import * as tf from "@tensorflow/tfjs";
let calls = 0;
${top}
export default defineJob({
  config: { maxEpochs: 100000, maxSteps: 1100, batchSize: 8, ${config} },
  model: () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] }),
  optimizer: () => tf.train.sgd(0.01),
  loss: (yTrue, yPred) => {
    calls++;
    ${loss}
    return tf.losses.meanSquaredError(yTrue as tf.Tensor, yPred);
  },
  data: () => {
    ${data}
    return { train: tensorDataset(tf.randomNormal([64, 2]), tf.randomNormal([64, 1])) };
  },
});
`;
}

interface Failure {
  message: string;
  stack: string | null;
  phase: string;
  cause: string;
}

async function failureOf(
  server: ServerProcess,
  source: string,
): Promise<Failure & { step: number }> {
  const job = await server.submit(source);
  const manifest = await server.state(job, "failed");
  return { ...manifest["error"] as Failure, step: Number(manifest["step"]) };
}

Deno.test("modules that fail: each fails its own job with the module's own words", async (t) => {
  await using server = await ServerProcess.start("--job-memory", "600MiB");
  const sibling = await server.submit(moduleWith({}), { max_steps: 100_000 });
  await server.state(sibling, "running");

  await t.step("throws at import", async () => {
    const error = await failureOf(server, moduleWith({ top: 'throw new Error("no import");' }));
    assertEquals([error.message, error.phase], ["no import", "import"]);
    assertStringIncludes(error.stack ?? "", "module.ts:4:7");
  });
  await t.step("throws in data", async () => {
    const error = await failureOf(server, moduleWith({ data: 'throw new Error("no data");' }));
    assertEquals([error.message, error.phase], ["no data", "data"]);
    assertStringIncludes(error.stack ?? "", "module.ts:15:");
  });
  await t.step("throws in batch()", async () => {
    const data = `return { train: { length: 64, batch: () => {
      throw new Error("no batch");
    } } };`;
    const error = await failureOf(server, moduleWith({ data }));
    assertEquals(error.phase, "data");
    assertStringIncludes(
      error.message,
      "data().train: batch() of samples 0, 1, 2, 3, ... (64) threw: no batch",
    );
    assertStringIncludes(error.stack ?? "", "Caused by Error: no batch");
    assertStringIncludes(error.stack ?? "", "module.ts:16:");
  });
  await t.step("throws in step 1", async () => {
    const error = await failureOf(server, moduleWith({ loss: 'throw new Error("no loss");' }));
    assertEquals([error.message, error.phase, error.step], ["no loss", "train", 0]);
  });
  await t.step("throws in step 1,000", async () => {
    const loss = 'if (calls === 1000) throw new Error("tired");';
    const error = await failureOf(server, moduleWith({ loss }));
    assertEquals([error.message, error.phase, error.step], ["tired", "train", 999]);
  });
  await t.step("rejects outside of everything", async () => {
    const top = 'queueMicrotask(() => void Promise.reject(new Error("adrift")));';
    assertEquals((await failureOf(server, moduleWith({ top }))).message, "adrift");
  });
  await t.step("throws in a timer", async () => {
    const top = 'setTimeout(() => { throw new Error("too late"); }, 1);';
    const error = await failureOf(server, moduleWith({ top }));
    assertEquals([error.message, error.phase, error.cause], ["too late", "module", "error"]);
    assertStringIncludes(error.stack ?? "", "module.ts:4:");
  });
  await t.step("says more than anybody reads", async () => {
    const error = await failureOf(
      server,
      moduleWith({ top: 'throw new Error("x".repeat(5_000_000));' }),
    );
    assertEquals(error.phase, "import");
    assert(error.message.length < 10_000 && (error.stack ?? "").length < 10_000);
  });
  await t.step("calls Deno.exit()", async () => {
    const error = await failureOf(server, moduleWith({ loss: "if (calls === 5) Deno.exit(0);" }));
    assertEquals(error.cause, "exit");
  });
  await t.step("takes all memory", async () => {
    const data = "const hog = []; for (;;) hog.push(new Float64Array(1e6).fill(1));";
    assertEquals((await failureOf(server, moduleWith({ data }))).cause, "memory");
  });
  await t.step("loops forever: stop ends it", async () => {
    const loss = 'if (calls === 5) { console.log("round and round"); for (;;); }';
    const job = await server.submit(moduleWith({ loss }));
    // Its last steps may still wait in the worker to be written.
    await server.event(
      `/jobs/${job}/events?types=log`,
      ({ data }) => data["message"] === "round and round",
    );
    const stopped = server.call("POST", `/jobs/${job}/stop`);
    const manifest = await server.state(job, "stopped", "failed");
    assertEquals((await stopped).status < 500, true);
    assertEquals((manifest["error"] as Failure | null)?.cause, "killed");
  });

  assertEquals((await server.call("GET", `/jobs/${sibling}`)).body["state"], "running");
  const { body } = await server.call("POST", `/jobs/${sibling}/pause`);
  assert(Number(body["applied_at_step"]) > 0);
});

Deno.test("a loss that is not finite pauses the job, or fails it where the config says so", async () => {
  await using server = await ServerProcess.start();
  const loss =
    "if (calls >= 20) return tf.mul(tf.losses.meanSquaredError(yTrue as tf.Tensor, yPred), NaN);";
  const job = await server.submit(moduleWith({ loss }));
  const manifest = await server.state(job, "paused");
  assertEquals(manifest["step"], 20);
  const failing = await server.submit(moduleWith({ loss }), { on_non_finite: "raise" });
  const { error } = await server.state(failing, "failed");
  assertStringIncludes((error as Failure).message, "NaN at step 20");
});

Deno.test("output of a module becomes log lines and cannot pass for events", async () => {
  await using server = await ServerProcess.start();
  const data = `console.log("hello from data");
    console.log(JSON.stringify({ type: "trainStep", step: 999, loss: 0 }));
    console.log("x".repeat(10_000_000));
    Deno.stdout.writeSync(new TextEncoder().encode("no line break"));`;
  const job = await server.submit(moduleWith({ data }), { max_steps: 20 });
  await server.state(job, "completed");
  const messages: string[] = [];
  let steps = 0;
  for await (const { type, data } of server.events(`/jobs/${job}/events`)) {
    if (type === "log") messages.push(String(data["message"]));
    if (type === "trainStep") steps++;
    if (type === "trainingFinished") break;
  }
  assertEquals(steps, 20);
  assert(messages.includes("hello from data"));
  assert(messages.includes("no line break"));
  assert(messages.some((message) => message.includes('"step":999')));
});
