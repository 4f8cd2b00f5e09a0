import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";
import type { LossName } from "../../runtime/job_definition.ts";
import { resolveLoss } from "../../runtime/training/losses.ts";

await startWasm();

/** What a loss is tried on, and the same by TensorFlow.js's own composition, differentiable. */
interface Trial {
  yTrue: () => tf.Tensor;
  yPred: () => tf.Tensor;
  perSample: (yTrue: tf.Tensor, yPred: tf.Tensor) => tf.Tensor;
}

const probabilities = () => tf.tensor2d([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5], [0.1, 0.8, 0.1]]);
const logits = () => tf.tensor2d([[2, -1, 0.5], [0, 0.25, -3], [1, 1, 4]]);
const oneHot = () => tf.tensor2d([[1, 0, 0], [0, 0, 1], [0, 0, 1]]);
const numbers = () => tf.tensor2d([[1, 2], [-3, 0.5], [0, 4]]);
const TRIALS: Record<LossName, Trial> = {
  categoricalCrossentropy: {
    yTrue: oneHot,
    yPred: probabilities,
    perSample: (y, p) => tf.neg(tf.sum(tf.mul(y, tf.log(p)), 1)),
  },
  sparseCategoricalCrossentropy: {
    yTrue: () => tf.tensor1d([0, 2, 2], "int32"),
    yPred: probabilities,
    perSample: (_, p) => tf.neg(tf.sum(tf.mul(oneHot(), tf.log(p)), 1)),
  },
  binaryCrossentropy: {
    yTrue: () => tf.tensor2d([[1, 0], [0, 0], [1, 1]]),
    yPred: () => tf.tensor2d([[0.9, 0.2], [0.4, 0.5], [0.3, 0.6]]),
    perSample: (y, p) => {
      const likelihoods = tf.add(tf.mul(y, p), tf.mul(tf.sub(1, y), tf.sub(1, p)));
      return tf.mean(tf.neg(tf.log(likelihoods)), 1);
    },
  },
  meanSquaredError: {
    yTrue: numbers,
    yPred: () => tf.tensor2d([[0, 2.5], [-1, 1], [0, 0]]),
    perSample: (y, p) => tf.mean(tf.square(tf.sub(y, p)), 1),
  },
  meanAbsoluteError: {
    yTrue: numbers,
    yPred: () => tf.tensor2d([[0, 2.5], [-1, 1], [0.5, 0]]),
    perSample: (y, p) => tf.mean(tf.abs(tf.sub(y, p)), 1),
  },
  softmaxCrossEntropy: {
    yTrue: oneHot,
    yPred: logits,
    perSample: (y, p) => tf.neg(tf.sum(tf.mul(y, tf.log(tf.softmax(p))), 1)),
  },
};

function assertClose(actual: tf.Tensor, expected: tf.Tensor): void {
  assertEquals(actual.shape, expected.shape);
  const reference = expected.dataSync();
  actual.dataSync().forEach((value, at) => assertAlmostEquals(value, reference[at]!, 1e-5));
}

for (const [name, trial] of Object.entries(TRIALS) as [LossName, Trial][]) {
  const loss = resolveLoss(name);

  Deno.test(`${name}: perSample() and mean() are what the definition says`, () => {
    tf.tidy(() => {
      const [yTrue, yPred] = [trial.yTrue(), trial.yPred()];
      const expected = trial.perSample(yTrue, yPred);
      assertClose(loss.perSample(yTrue, yPred)!, expected);
      assertClose(loss.mean(yTrue, yPred), tf.mean(expected));
    });
  });

  Deno.test(`${name}: mean() has the gradient that TensorFlow.js derives`, () => {
    tf.tidy(() => {
      const [yTrue, yPred] = [trial.yTrue(), trial.yPred()];
      // The factor shows that what comes from above is passed on.
      const actual = tf.grad((p) => tf.mul(loss.mean(yTrue, p), 3))(yPred);
      assertClose(actual, tf.grad((p) => tf.mul(tf.mean(trial.perSample(yTrue, p)), 3))(yPred));
    });
  });

  Deno.test(`${name}: mean() weighs samples, gradient included`, () => {
    tf.tidy(() => {
      const [yTrue, yPred] = [trial.yTrue(), trial.yPred()];
      const weights = tf.tensor1d([1, 0, 2.5]);
      const expected = (p: tf.Tensor) =>
        tf.div(tf.sum(tf.mul(trial.perSample(yTrue, p), weights)), 3.5);
      assertClose(loss.mean(yTrue, yPred, weights), expected(yPred));
      assertClose(
        tf.grad((p) => loss.mean(yTrue, p, weights))(yPred),
        tf.grad(expected)(yPred),
      );
    });
  });

  Deno.test(`${name}: names both shapes when targets do not fit`, () => {
    tf.tidy(() => {
      const yTrue = tf.zeros([2, 5]);
      assertThrows(() => loss.mean(yTrue, trial.yPred()), TypeError, "[2,5]");
      assertThrows(() => loss.perSample(yTrue, trial.yPred()), TypeError, "[3,");
      assertThrows(() => loss.mean({ a: yTrue, b: yTrue }, trial.yPred()), TypeError, "a, b");
      assertThrows(
        () => loss.mean(trial.yTrue(), trial.yPred(), tf.ones([2])),
        TypeError,
        "weights of shape [2]",
      );
    });
  });

  Deno.test(`${name}: leaves no tensor behind but what it answers`, () => {
    const [yTrue, yPred] = [trial.yTrue(), trial.yPred()];
    const variable = tf.variable(yPred);
    const before = tf.memory().numTensors;
    loss.perSample(yTrue, yPred)!.dispose();
    const { value, grads } = tf.variableGrads(() => loss.mean(yTrue, variable), [variable]);
    tf.dispose([value, grads]);
    assertEquals(tf.memory().numTensors, before);
    tf.dispose([yTrue, yPred, variable]);
  });
}

Deno.test("softmaxCrossEntropy is finite for logits that exp() cannot take", () => {
  tf.tidy(() => {
    const loss = resolveLoss("softmaxCrossEntropy");
    const extreme = tf.tensor2d([[1000, -1000], [-1000, 1000]]);
    const yTrue = tf.tensor2d([[1, 0], [1, 0]]);
    assertEquals([...loss.perSample(yTrue, extreme)!.dataSync()], [0, 2000]);
    assertEquals([...tf.grad((p) => loss.mean(yTrue, p))(extreme).dataSync()], [0, 0, -0.5, 0.5]);
  });
});

Deno.test("cross entropies are finite for probabilities of 0 and 1", () => {
  tf.tidy(() => {
    const certain = tf.tensor2d([[1, 0]]);
    for (const name of ["categoricalCrossentropy", "binaryCrossentropy"] as const) {
      const value = resolveLoss(name).mean(tf.tensor2d([[0, 1]]), certain).dataSync()[0]!;
      assertEquals(Number.isFinite(value) && value > 10, true);
      const gradient = tf.grad((p) => resolveLoss(name).mean(tf.tensor2d([[0, 1]]), p))(certain);
      assertEquals(gradient.dataSync().every(Number.isFinite), true);
    }
  });
});

Deno.test("losses take sequences: a sample's loss is the mean over its positions", () => {
  tf.tidy(() => {
    const yPred = tf.reshape(tf.concat([probabilities(), probabilities()]), [2, 3, 3]);
    const labels = tf.tensor2d([[0, 1, 2], [2, 1, 0]], [2, 3], "int32");
    const loss = resolveLoss("sparseCategoricalCrossentropy");
    const expected = [
      -(Math.log(0.7) + Math.log(0.25) + Math.log(0.1)) / 3,
      -(Math.log(0.1) + Math.log(0.25) + Math.log(0.1)) / 3,
    ];
    assertClose(loss.perSample(labels, yPred)!, tf.tensor1d(expected));
    const weights = tf.tensor1d([3, 1]);
    const weighed = (p: tf.Tensor) => loss.mean(labels, p, weights);
    assertClose(weighed(yPred), tf.scalar((3 * expected[0]! + expected[1]!) / 4));
    const first = tf.grad(weighed)(yPred).dataSync()[0]!;
    assertAlmostEquals(first, -3 / (4 * 3 * 0.7), 1e-5);
  });
});

Deno.test("targets [batch] stand for [batch, 1], integers and booleans for numbers", () => {
  tf.tidy(() => {
    const yPred = tf.tensor2d([[0.9], [0.2]]);
    const loss = resolveLoss("binaryCrossentropy");
    const expected = loss.mean(tf.tensor2d([[1], [0]]), yPred);
    assertClose(loss.mean(tf.tensor1d([1, 0]), yPred), expected);
    assertClose(loss.mean(tf.tensor1d([1, 0], "int32"), yPred), expected);
    assertClose(loss.mean(tf.tensor1d([true, false], "bool"), yPred), expected);
  });
});

Deno.test("sparseCategoricalCrossentropy refuses classes that there are not", () => {
  tf.tidy(() => {
    const loss = resolveLoss("sparseCategoricalCrossentropy");
    for (const label of [3, -1, 0.5]) {
      const yTrue = tf.tensor1d([0, 1, label]);
      assertThrows(() => loss.mean(yTrue, probabilities()), TypeError, `target ${label} is not`);
    }
  });
});

Deno.test("resolveLoss() lists the known names for an unknown one", () => {
  assertThrows(
    () => resolveLoss("crossentropy" as LossName),
    TypeError,
    'no loss "crossentropy"; known: categoricalCrossentropy, ',
  );
  assertThrows(() => resolveLoss("toString" as LossName), TypeError, "known");
});

Deno.test("resolveLoss() takes a function that answers one loss a sample", () => {
  tf.tidy(() => {
    const loss = resolveLoss((yTrue, yPred) => tf.abs(tf.sub(yTrue as tf.Tensor, yPred)));
    const [yTrue, yPred] = [tf.tensor2d([[1, 2], [3, 4]]), tf.tensor2d([[1, 1], [0, 0]])];
    assertEquals([...loss.perSample(yTrue, yPred)!.dataSync()], [0.5, 3.5]);
    assertEquals(loss.mean(yTrue, yPred).dataSync()[0], 2);
    assertEquals(loss.mean(yTrue, yPred, tf.tensor1d([3, 1])).dataSync()[0], 1.25);
    assertEquals(loss.name, "custom");
  });
});

Deno.test("resolveLoss() takes a function that answers a scalar, which has no losses a sample", () => {
  const loss = resolveLoss((yTrue, yPred) => tf.losses.meanSquaredError(yTrue as tf.Tensor, yPred));
  const [yTrue, yPred] = [tf.tensor2d([[1], [3]]), tf.tensor2d([[0], [0]])];
  const before = tf.memory().numTensors;
  assertEquals(loss.perSample(yTrue, yPred), null);
  assertEquals(tf.memory().numTensors, before);
  tf.tidy(() => {
    assertEquals(loss.mean(yTrue, yPred).dataSync()[0], 5);
    assertThrows(() => loss.mean(yTrue, yPred, tf.ones([2])), TypeError, "cannot weigh");
  });
  tf.dispose([yTrue, yPred]);
});

Deno.test("resolveLoss() refuses what a function must not answer", () => {
  tf.tidy(() => {
    const wrong = resolveLoss((_, yPred) => tf.concat([yPred, yPred]));
    assertThrows(() => wrong.mean(tf.zeros([2, 1]), tf.zeros([2, 1])), TypeError, "[4,1]");
    const empty = resolveLoss(() => tf.zeros([0]));
    assertThrows(() => empty.mean(tf.zeros([2, 1]), tf.zeros([2, 1])), TypeError, "shape [0]");
    const number = resolveLoss((() => 3) as unknown as () => tf.Tensor);
    assertThrows(
      () => number.mean(tf.zeros([2]), tf.zeros([2])),
      TypeError,
      "must return a tensor",
    );
  });
});
