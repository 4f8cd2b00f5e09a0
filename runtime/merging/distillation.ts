import * as tf from "@tensorflow/tfjs";
import type { TensorOrRecord } from "../job_definition.ts";
import type { ResolvedLoss } from "../training/losses.ts";
import type { ModelHandle } from "../training/model_handle.ts";
import { MergeError } from "./merge_error.ts";

/** How much a student listens to its teachers. */
export interface DistillationRule {
  /** Divides logits, above 0. */
  temperature: number;
  /** Share of the teachers in the loss, in [0, 1]. */
  alpha: number;
}

/** Keeps logarithms finite; what the losses clip probabilities at. */
const EPSILON = 1e-7;

/** How far the student's outputs are from the teachers', one value a sample: [batch]. */
type Distance = (teachers: readonly tf.Tensor[], student: tf.Tensor, t: number) => tf.Tensor1D;

/**
 * The loss of a student in training: a T^2 KL(q || s) + (1 - a) L, with L the job's own loss on the
 * labels, s the student's class probabilities at temperature T, softmax(z / T), and q the mean of
 * the teachers' at the same. Probabilities stand for the logits z = log p. For a regression, which
 * has no classes, a MSE(mean of the teachers, student) + (1 - a) L. Validation, tests and scans get
 * L alone.
 *
 * Hinton et al., Distilling the Knowledge in a Neural Network (2015), section 2, with the mean of
 * several teachers as its ensembles have it.
 *
 * @param teachers Models of the same inputs; they are asked in inference mode and do not learn.
 * @throws {MergeError} for a loss function of the module's own, whose outputs nobody knows; later,
 * from the loss, for teachers whose outputs have another shape.
 */
export function distillationLoss(
  own: ResolvedLoss,
  teachers: readonly ModelHandle[],
  { temperature, alpha }: DistillationRule,
): ResolvedLoss {
  const distance = DISTANCES[own.name];
  if (distance === undefined) {
    throw new MergeError(
      "distillation needs a loss by name: of a function nobody knows what the outputs are",
    );
  }
  return {
    name: own.name,
    perSample: (...asked) => own.perSample(...asked),
    mean(yTrue, yPred, weights, batch) {
      const labelled = own.mean(yTrue, yPred, weights, batch);
      if (batch?.training !== true) return labelled;
      const answers = teachers.map((teacher, at) => answerOf(teacher, at, batch.xs, yPred));
      const apart = distance(answers, yPred, temperature);
      const mean = weights === undefined
        ? tf.mean(apart)
        : tf.div(tf.sum(tf.mul(apart, weights)), tf.sum(weights));
      return tf.add(tf.mul(mean, alpha), tf.mul(labelled, 1 - alpha)) as tf.Scalar;
    },
  };
}

function answerOf(
  teacher: ModelHandle,
  at: number,
  xs: TensorOrRecord,
  student: tf.Tensor,
): tf.Tensor {
  const answer = teacher.apply(xs, false);
  if (tf.util.arraysEqual(answer.shape, student.shape)) return answer;
  const [theirs, ours] = [answer, student].map(({ shape }) => shape.at(-1));
  throw new MergeError(
    `parent ${at} tells ${theirs} classes apart, the student ${ours}: outputs [${answer.shape}] and ` +
      `[${student.shape}]`,
  );
}

const DISTANCES: Readonly<Record<string, Distance>> = {
  categoricalCrossentropy: (teachers, student, t) => divergence(teachers, student, t, logOf),
  sparseCategoricalCrossentropy: (teachers, student, t) => divergence(teachers, student, t, logOf),
  softmaxCrossEntropy: (teachers, student, t) => divergence(teachers, student, t, (z) => z),
  binaryCrossentropy: (teachers, student, t) =>
    divergence(teachers.map(bothSides), bothSides(student), t, logOf),
  meanSquaredError: squaredDistance,
  meanAbsoluteError: squaredDistance,
};

/** T^2 KL(q || s) over the last axis. */
function divergence(
  teachers: readonly tf.Tensor[],
  student: tf.Tensor,
  t: number,
  logits: (outputs: tf.Tensor) => tf.Tensor,
): tf.Tensor1D {
  const soft = teachers.map((outputs) => tf.softmax(tf.div(logits(outputs), t)));
  const q = tf.div(tf.addN(soft), teachers.length);
  const logS = tf.logSoftmax(tf.div(logits(student), t));
  return sampleMeans(tf.mul(tf.sum(tf.mul(q, tf.sub(logOf(q), logS)), -1), t * t));
}

function squaredDistance(teachers: readonly tf.Tensor[], student: tf.Tensor): tf.Tensor1D {
  const mean = tf.div(tf.addN([...teachers]), teachers.length);
  return sampleMeans(tf.square(tf.sub(student, mean)));
}

function logOf(probabilities: tf.Tensor): tf.Tensor {
  return tf.log(tf.clipByValue(probabilities, EPSILON, 1));
}

/** p of each output as the two classes [1 - p, p]. */
function bothSides(p: tf.Tensor): tf.Tensor {
  return tf.stack([tf.sub(1, p), p], -1);
}

/** [batch, ...] to [batch]. */
function sampleMeans(values: tf.Tensor): tf.Tensor1D {
  if (values.rank === 1) return values as tf.Tensor1D;
  return tf.mean(tf.reshape(values, [values.shape[0]!, -1]), 1);
}
