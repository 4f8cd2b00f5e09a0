/** Input that cannot work, on a real server: named where it is wrong, and nobody else is hurt. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ROOT } from "../fixtures/markdown.ts";
import { ServerProcess } from "../fixtures/server_process.ts";
import { tensorFlowForTests } from "../fixtures/tensorflow_library.ts";

const installed = await tensorFlowForTests();

/** A small job; each part may be replaced by one that is wrong. */
function moduleWith(parts: Record<string, string> = {}): string {
  const whole: Record<string, string> = {
    config: "{ maxEpochs: 100000, batchSize: 8 }",
    model: `{
      args: { units: 3 },
      factory: ({ units }) => tf.sequential({
        layers: [
          tf.layers.dense({ units, inputShape: [2] }),
          tf.layers.dense({ units: 1 }),
        ],
      }),
    }`,
    optimizer: "() => tf.train.sgd(0.01)",
    loss: '"meanSquaredError"',
    data: `() => ({ train: samples(64), val: samples(8) })`,
    ...parts,
  };
  const fields = Object.entries(whole).map(([name, code]) => `  ${name}: ${code},`);
  return `import { defineJob, tensorDataset } from "onthefly";
import * as tf from "@tensorflow/tfjs";
let calls = 0;
const samples = (count: number) =>
  tensorDataset(tf.randomNormal([count, 2]), tf.randomNormal([count, 1]));
const broken = (batch: (indices: Int32Array) => unknown) => ({
  length: 64,
  batch: (indices: Int32Array) =>
    (++calls < 5 ? samples(64).batch(indices) : batch(indices)) as never,
});
export default defineJob({
${fields.join("\n")}
});
`;
}

interface Fault {
  parts?: Record<string, string>;
  config?: Record<string, unknown>;
  phase: string;
  says: string;
  /** Steps that were taken before. */
  step?: number;
}

const DILATED = `() => tf.sequential({
  layers: [
    tf.layers.reshape({ targetShape: [2, 1], inputShape: [2] }),
    tf.layers.conv1d({ filters: 2, kernelSize: 2, dilationRate: 2, padding: "same", name: "wide" }),
    tf.layers.flatten(),
    tf.layers.dense({ units: 1 }),
  ],
})`;

const FAULTS: Record<string, Fault> = {
  "a layer that the backend cannot train": {
    parts: { model: DILATED },
    phase: "model",
    says: 'layer 2, Conv1D "wide" cannot be trained on wasm: Error in gradient of conv2D: dilation',
    step: 0,
  },
  "a precision that the backend does not have": {
    config: { precision: "mixed_float16" },
    phase: "config",
    says: "config.precision: mixed_float16 cannot be true on wasm",
    step: 0,
  },
  "an argument that the model does not have": {
    config: { model_args: { depth: 3 } },
    phase: "config",
    says: "config.model_args: depth is no argument of the module's model; it has units",
    step: 0,
  },
  "a schedule that returns NaN": {
    parts: { schedule: "({ step }) => step < 7 ? 0.1 : NaN" },
    phase: "train",
    says: "the schedule gives a learning rate of NaN at step 7",
    step: 7,
  },
  "a batch size larger than the data": {
    config: { batch_size: 65 },
    phase: "config",
    says: "config.batch_size: 65 is larger than the 64 training samples",
    step: 0,
  },
  "a dataset whose batch() throws": {
    parts: { data: '() => ({ train: broken(() => { throw new Error("disk on fire"); }) })' },
    phase: "train",
    says: "(8) threw: disk on fire",
  },
  "a dataset whose batch() has the wrong shape": {
    parts: {
      data: "() => ({ train: broken(() => ({ xs: tf.ones([8, 3]), ys: tf.ones([8, 1]) })) })",
    },
    phase: "train",
    says: "data().train: batch() of samples",
  },
  "a dataset whose batch() has too few rows": {
    parts: {
      data: "() => ({ train: broken(() => ({ xs: tf.ones([7, 2]), ys: tf.ones([7, 1]) })) })",
    },
    phase: "train",
    says: "xs has shape [7,2]: expected one row for each of 8 samples",
  },
  "a dataset that changes its length": {
    parts: {
      data: `() => {
        const train = broken((indices) => samples(64).batch((train.length = 63, indices)));
        return { train };
      }`,
    },
    phase: "train",
    says: "the dataset's length was 64 and is now 63",
  },
  "a loss of shape [0]": {
    parts: { loss: "() => tf.zeros([0])" },
    phase: "train",
    says:
      "the loss function returned shape [0]; expected a scalar, or one loss for each of 8 samples",
    step: 0,
  },
  "a metric that throws": {
    parts: {
      metrics: `{ odd: {
        init: () => 0,
        update: (): number => { throw new Error("no such class"); },
        compute: () => 0,
      } }`,
    },
    phase: "train",
    says: "metric odd: no such class",
    step: 8,
  },
};

interface Failure {
  message: string;
  phase: string;
}

Deno.test("bad input: each fails its own job by the name of what is wrong", async (t) => {
  await using server = await ServerProcess.start("--backend=wasm");
  const sibling = await server.submit(moduleWith());
  for (const [name, { parts, config = {}, phase, says, step }] of Object.entries(FAULTS)) {
    await t.step(name, async () => {
      const job = await server.submit(moduleWith(parts), { max_epochs: 3, ...config });
      const manifest = await server.state(job, "failed", "completed");
      const { message, phase: failed } = (manifest["error"] ?? {}) as Failure;
      assertStringIncludes(message ?? "it did not fail", says);
      assertEquals(failed, phase);
      if (step !== undefined) assertEquals(manifest["step"], step);
    });
  }
  await t.step("a fork with a model that its parent's weights do not fit", async () => {
    await server.event(`/jobs/${sibling}/events`, ({ type }) => type === "trainStep");
    const { body } = await server.call("POST", `/jobs/${sibling}/fork`, {
      selection: { kind: "all" },
      config: { model_args: { units: 4 }, max_epochs: 1 },
    });
    const manifest = await server.state(String(body["id"]), "failed");
    assertStringIncludes((manifest["error"] as Failure).message, "0000/kernel");
  });
  await t.step("a learning rate, live, that is none", async () => {
    for (const lr of ["fast", "0.1", -1, 0, null, [0.1]]) {
      const { status, body } = await server.call("PATCH", `/jobs/${sibling}/hparams`, { lr });
      assertEquals([status, body["field"]], [422, "lr"], JSON.stringify(lr));
    }
    const { body } = await server.call("GET", `/jobs/${sibling}`);
    assertEquals(body["state"], "running");
  });
  const { body } = await server.call("POST", `/jobs/${sibling}/pause`);
  assert(Number(body["applied_at_step"]) > 0);
});

/** A server whose PATH has no program in it: there is no bwrap. */
function withoutBwrap(folder: string, ...flags: string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--quiet", `${ROOT}main.ts`, "serve", `--data-dir=${folder}/data`],
      ...["--port=0", "--dashboard-port=off", ...flags],
    ],
    env: { PATH: `${folder}/nowhere` },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

Deno.test("bwrap that is missing: a server that requires it does not start, another one says so", async () => {
  const folder = await Deno.makeTempDir();
  const { code, stderr } = await withoutBwrap(folder, "--sandbox=require").output();
  assertEquals(code !== 0, true);
  assertStringIncludes(new TextDecoder().decode(stderr), "the sandbox is required");

  const native = ["--backend=tensorflow", `--tensorflow-dir=${installed?.folder}`];
  if (installed !== null) {
    const refused = await withoutBwrap(folder, "--sandbox=auto", ...native).output();
    assertEquals(refused.code, 2);
    assertStringIncludes(
      new TextDecoder().decode(refused.stderr),
      "tensorflow cannot be used: native code runs only inside bwrap",
    );
  }

  const server = withoutBwrap(folder, "--sandbox=auto").spawn();
  let said = "";
  let ready: Record<string, unknown> = {};
  for await (const text of server.stdout.pipeThrough(new TextDecoderStream())) {
    said += text;
    const url = /onthefly listening on (http:\/\/\S+)/.exec(said)?.[1];
    if (url === undefined) continue;
    ready = await (await fetch(`${url}/readyz`)).json();
    break;
  }
  server.kill("SIGTERM");
  await server.stderr.cancel();
  await server.status;
  assertEquals(ready["isolation"], "deno");
  assertStringIncludes(String(ready["isolation_reason"]), "bwrap does not work here");
  await Deno.remove(folder, { recursive: true });
});
