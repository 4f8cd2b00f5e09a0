import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend } from "../../runtime/backends/choose.ts";
import {
  captureCheckpoint,
  CheckpointError,
  loadCheckpoint,
  restoreCheckpoint,
  saveCheckpoint,
} from "../../runtime/checkpoints/checkpoint.ts";
import { encodeSafetensors } from "../../runtime/checkpoints/safetensors.ts";
import { captureWeights } from "../../runtime/checkpoints/weights.ts";
import { type ModelHandle, modelHandle } from "../../runtime/training/model_handle.ts";

const STATE = {
  step: 7,
  axis_step: 7,
  sampler: { epoch: 1, cursor: 64 },
  lr: 0.1 + 0.2,
  x: [null],
};

function mlp(hidden = 6): ModelHandle {
  return modelHandle(tf.sequential({
    layers: [
      tf.layers.dense({ units: hidden, activation: "relu", inputShape: [4] }),
      tf.layers.batchNormalization(),
      tf.layers.dense({ units: 2 }),
    ],
  }));
}

/** An apply-able model whose weights have each dtype that a checkpoint holds. */
function mixedModel(): ModelHandle {
  const kernel = tf.variable(tf.tensor2d([[0.1, -0], [NaN, 1e-45]]), true);
  const counts = tf.variable(tf.tensor1d([-5, 2 ** 31 - 1], "int32"), false);
  const mask = tf.variable(tf.tensor1d([true, false, true], "bool"), false);
  return modelHandle({ apply: () => kernel.clone(), weights: [kernel, counts, mask] });
}

function step(handle: ModelHandle, optimizer: tf.Optimizer, seed: number): void {
  tf.tidy(() => {
    const xs = tf.randomNormal([8, 4], 0, 1, "float32", seed);
    const loss = () => handle.apply(xs, true).square().mean() as tf.Scalar;
    optimizer.minimize(loss, false, handle.trainable);
  });
}

/** Runs a test in a folder of its own, with a trained MLP and its optimizer. */
function withRun(
  body: (run: { handle: ModelHandle; optimizer: tf.Optimizer; folder: string }) => Promise<void>,
  backend: "cpu" | "wasm" = "cpu",
): () => Promise<void> {
  return async () => {
    await chooseBackend(backend, 1);
    const folder = await Deno.makeTempDir();
    const [handle, optimizer] = [mlp(), tf.train.adam(0.01)];
    for (let seed = 1; seed <= 3; seed++) step(handle, optimizer, seed);
    try {
      await body({ handle, optimizer, folder });
    } finally {
      optimizer.dispose();
      handle.dispose();
      await Deno.remove(folder, { recursive: true });
    }
  };
}

function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
}

for (const backend of ["cpu", "wasm"] as const) {
  Deno.test(
    `saveCheckpoint() and restoreCheckpoint() continue to the bit on ${backend}`,
    withRun(async ({ handle, optimizer, folder }) => {
      const indices = new Int32Array([3, 5, 8]);
      const snapshot = captureCheckpoint({ handle, optimizer, indices, state: STATE });
      for (let seed = 4; seed <= 8; seed++) step(handle, optimizer, seed);
      const untouched = captureCheckpoint({ handle, optimizer, indices, state: STATE });
      indices.fill(0);

      const path = `${folder}/000001.safetensors`;
      const { bytes, sha256 } = await saveCheckpoint(path, snapshot);
      assertEquals(bytes, Deno.statSync(path).size);
      assertEquals(sha256, createHash("sha256").update(Deno.readFileSync(path)).digest("hex"));
      assertEquals(filesIn(folder), ["000001.safetensors"]);

      const loaded = await loadCheckpoint(path, sha256);
      assertEquals(loaded.state, STATE);
      assertEquals(loaded.indices, new Int32Array([3, 5, 8]));
      const [other, fresh] = [mlp(), tf.train.adam(0.5)];
      assertEquals(restoreCheckpoint(loaded, { handle: other, optimizer: fresh }), STATE);
      for (let seed = 4; seed <= 8; seed++) step(other, fresh, seed);
      const resumed = captureCheckpoint({
        handle: other,
        optimizer: fresh,
        indices: loaded.indices,
        state: STATE,
      });
      assertEquals(resumed, untouched);
      fresh.dispose();
      other.dispose();
    }, backend),
  );

  Deno.test(`a checkpoint holds float32, int32 and bool weights to the bit on ${backend}`, async () => {
    await chooseBackend(backend, 1);
    const folder = await Deno.makeTempDir();
    const [handle, other] = [mixedModel(), mixedModel()];
    tf.tidy(() => other.weights[1]!.variable.assign(tf.tensor1d([0, 0], "int32")));
    const before = captureWeights(handle);
    const path = `${folder}/1.safetensors`;
    const snapshot = captureCheckpoint({ handle, optimizer: null, indices: null, state: {} });
    const { sha256 } = await saveCheckpoint(path, snapshot);
    const loaded = await loadCheckpoint(path, sha256);
    assertEquals(loaded.weights(), before);
    assertEquals(loaded.indices, null);
    restoreCheckpoint(loaded, { handle: other, optimizer: null });
    assertEquals(captureWeights(other), before);
    handle.dispose();
    other.dispose();
    await Deno.remove(folder, { recursive: true });
  });
}

Deno.test(
  "captureCheckpoint() and restoreCheckpoint() leak no tensors",
  withRun(async ({ handle, optimizer, folder }) => {
    const { numTensors } = tf.memory();
    const snapshot = captureCheckpoint({ handle, optimizer, indices: null, state: STATE });
    assertEquals(tf.memory().numTensors, numTensors);
    await saveCheckpoint(`${folder}/1`, snapshot);
    const loaded = await loadCheckpoint(`${folder}/1`, null);
    for (let time = 0; time < 3; time++) restoreCheckpoint(loaded, { handle, optimizer });
    assertEquals(tf.memory().numTensors, numTensors);
  }),
);

Deno.test(
  "restoreCheckpoint() without an optimizer restores the weights alone",
  withRun(async ({ handle, optimizer, folder }) => {
    const snapshot = captureCheckpoint({ handle, optimizer, indices: null, state: STATE });
    await saveCheckpoint(`${folder}/1`, snapshot);
    const loaded = await loadCheckpoint(`${folder}/1`, null);
    const other = mlp();
    restoreCheckpoint(loaded, { handle: other, optimizer: null });
    assertEquals(captureWeights(other), captureWeights(handle));
    other.dispose();
  }),
);

Deno.test(
  "restoreCheckpoint() names the first tensor that differs, and changes nothing",
  withRun(async ({ handle, optimizer, folder }) => {
    const path = `${folder}/000001.safetensors`;
    const snapshot = captureCheckpoint({ handle, optimizer, indices: null, state: STATE });
    await saveCheckpoint(path, snapshot);
    const loaded = await loadCheckpoint(path, null);
    const small = modelHandle(
      tf.sequential({ layers: [tf.layers.dense({ units: 6, inputShape: [4] })] }),
    );
    const [wide, sgd] = [mlp(9), tf.train.sgd(0.1)];
    const cases: [ModelHandle, tf.Optimizer | null, string][] = [
      [
        wide,
        null,
        "000001.safetensors: weight 0000/kernel is float32 [4,6]; the model's is float32 [4,9]",
      ],
      [small, null, "000001.safetensors: the model has no weight 0002/gamma"],
      [handle, sgd, "000001.safetensors: optimizer SGD: the state is of Adam"],
    ];
    for (const [target, using, message] of cases) {
      const before = captureWeights(target);
      assertThrows(
        () => restoreCheckpoint(loaded, { handle: target, optimizer: using }),
        CheckpointError,
        message,
      );
      assertEquals(captureWeights(target), before);
    }
    sgd.dispose();
    small.dispose();
    wide.dispose();
  }),
);

Deno.test(
  "restoreCheckpoint() refuses an optimizer where the checkpoint holds none",
  withRun(async ({ handle, optimizer, folder }) => {
    const snapshot = captureCheckpoint({ handle, optimizer: null, indices: null, state: STATE });
    await saveCheckpoint(`${folder}/1`, snapshot);
    const loaded = await loadCheckpoint(`${folder}/1`, null);
    assertThrows(
      () => restoreCheckpoint(loaded, { handle, optimizer }),
      CheckpointError,
      "it holds no optimizer state",
    );
  }),
);

Deno.test(
  "loadCheckpoint() refuses a flipped byte, a cut file, another hash and a missing file",
  withRun(async ({ handle, optimizer, folder }) => {
    const path = `${folder}/000004.safetensors`;
    const snapshot = captureCheckpoint({ handle, optimizer, indices: null, state: STATE });
    const { sha256 } = await saveCheckpoint(path, snapshot);
    const whole = Deno.readFileSync(path);
    const refuses = async (content: Uint8Array, expected: string | null, message: string) => {
      Deno.writeFileSync(path, content);
      await assertRejects(
        () => loadCheckpoint(path, expected),
        CheckpointError,
        `checkpoint 000004.safetensors: ${message}`,
      );
    };
    for (const at of [0, 9, whole.length >> 1, whole.length - 1]) {
      const flipped = whole.slice();
      flipped[at]! ^= 1;
      await refuses(flipped, sha256, "its SHA-256 is");
    }
    await refuses(whole.subarray(0, -1), sha256, "its SHA-256 is");
    await refuses(whole.subarray(0, -1), null, "the tensors take");
    await refuses(whole.subarray(0, 5), null, "the file has 5 bytes");
    await refuses(whole, "0".repeat(64), `its SHA-256 is ${sha256}, not 000`);
    await refuses(joined(encodeSafetensors([], {})), null, "its format is not onthefly-checkpoint");
    const newer = { ...snapshot.metadata, version: "2" };
    await refuses(joined(encodeSafetensors([], newer)), null, "its version is 2");
    Deno.removeSync(path);
    await assertRejects(() => loadCheckpoint(path, sha256), CheckpointError, "it cannot be read");
  }),
);

Deno.test(
  "a checkpoint opens in Python's safetensors with names, shapes and bits",
  withRun(async ({ handle, optimizer, folder }) => {
    const path = `${folder}/000001.safetensors`;
    const indices = new Int32Array([2, 4]);
    const snapshot = captureCheckpoint({ handle, optimizer, indices, state: STATE });
    await saveCheckpoint(path, snapshot);
    const read = await readInPython(path);
    if (read === null) return;
    const expected = [...snapshot.tensors].map(([name, { dtype, shape, values }]) => {
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      return [name, { dtype, shape, sha256: createHash("sha256").update(bytes).digest("hex") }];
    });
    assertEquals(read, {
      metadata: snapshot.metadata,
      tensors: Object.fromEntries(expected),
    });
    assert("optimizer/accumulatedFirstMoment/0000/kernel" in read.tensors);
    assert("selection/indices" in read.tensors);
  }),
);

/** What Python reads, or null, with a word, where Python cannot. In CI it must. */
async function readInPython(
  path: string,
): Promise<{ metadata: unknown; tensors: Record<string, unknown> } | null> {
  const script = new URL("../fixtures/read_safetensors.py", import.meta.url).pathname;
  let problem: string;
  try {
    const { success, stdout, stderr } = await new Deno.Command("python3", {
      args: [script, path],
    }).output();
    if (success) return JSON.parse(new TextDecoder().decode(stdout));
    problem = new TextDecoder().decode(stderr);
    if (!problem.includes("ModuleNotFoundError")) throw new Error(problem);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    problem = "there is no python3";
  }
  if (Deno.env.get("CI")) throw new Error(`CI must read checkpoints in Python: ${problem}`);
  console.log(`skipped: ${problem.trim().split("\n").at(-1)}`);
  return null;
}

function joined(chunks: Uint8Array[]): Uint8Array {
  return new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
}
