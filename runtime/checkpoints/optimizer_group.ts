import * as tf from "@tensorflow/tfjs";
import { learningRateOf, setLearningRate } from "./learning_rate.ts";
import { momentumOf, setMomentum } from "./momentum.ts";

/**
 * Several optimizers by name, held as one. Its learning rate is the first one's; set, it moves the
 * others along, each in its proportion to the first. Who computes the gradients applies them, each
 * optimizer to its own variables.
 */
export class OptimizerGroup extends tf.Optimizer {
  readonly members: Readonly<Record<string, tf.Optimizer>>;
  /** Learning rate of each member over the first one's. */
  readonly #proportions: readonly number[];

  /** @param members At least one. */
  constructor(members: Readonly<Record<string, tf.Optimizer>>) {
    super();
    this.members = members;
    const first = this.learningRate;
    this.#proportions = this.#all.map((each) => first === 0 ? 1 : learningRateOf(each) / first);
  }

  /** In place of `instanceof`, which tfjs has redefined to mean any optimizer. */
  static is(optimizer: tf.Optimizer): optimizer is OptimizerGroup {
    return #proportions in optimizer;
  }

  /** Read as any optimizer's. */
  get learningRate(): number {
    return learningRateOf(this.first);
  }

  /** Sets the rate of every member. */
  setLearningRate(rate: number): void {
    this.#all.forEach((each, at) => setLearningRate(each, rate * this.#proportions[at]!));
  }

  /** The first momentum among them; undefined where no member has one. */
  get momentum(): number | undefined {
    return this.#all.map(momentumOf).find((momentum) => momentum !== null) ?? undefined;
  }

  /** Sets the momentum of every member that has one. */
  set momentum(momentum: number) {
    for (const each of this.#all) if (momentumOf(each) !== null) setMomentum(each, momentum);
  }

  /** What the group's rate is that of. */
  get first(): tf.Optimizer {
    return this.#all[0]!;
  }

  get #all(): tf.Optimizer[] {
    return Object.values(this.members);
  }

  /** @throws {TypeError} always: nobody knows which member moves what. */
  override applyGradients(): void {
    throw new TypeError("several optimizers need a trainStep of the module's own");
  }

  override dispose(): void {
    super.dispose();
    for (const each of this.#all) each.dispose();
  }

  override getClassName(): string {
    return `{ ${
      Object.entries(this.members).map(([name, each]) => `${name}: ${each.getClassName()}`)
        .join(", ")
    } }`;
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {};
  }
}

/** An optimizer's parts by the prefix of their tensors' names in a checkpoint. */
export function optimizersOf(optimizer: tf.Optimizer): Map<string, tf.Optimizer> {
  if (!OptimizerGroup.is(optimizer)) return new Map([["optimizer", optimizer]]);
  return new Map(
    Object.entries(optimizer.members).map(([name, each]) => [`optimizer/${name}`, each]),
  );
}
