import * as tf from "@tensorflow/tfjs";
import { readValues } from "../backends/tensor_view.ts";
import type { JobConfig } from "../protocol/job_config.ts";
import { l2Norm } from "./norms.ts";

/** Larger scales would have a reciprocal that float32 no longer holds in full. */
export const LARGEST_LOSS_SCALE = 2 ** 126;

/** What a scaler remembers from one step to the next. */
export interface ScalerState {
  /** Factor of the loss in the next step, at least 1. */
  scale: number;
  /** Steps in a row whose gradients were finite. */
  streak: number;
  /** Steps left out so far because their gradients were too large for the scale. */
  skipped: number;
}

/** What a module's own step may ask of the scaler; the same calls do nothing where it is off. */
export interface StepScaler {
  /** The loss to derive: its mean, times the scale. */
  scale(loss: tf.Tensor): tf.Scalar;
  /** The loss itself out of what `scale` made of it, before `step` has moved the scale. */
  lossOf(scaled: tf.Scalar): number;
  /**
   * Takes the scale out of the gradients again, disposes them and updates the optimizer.
   * @returns False when a gradient was not finite: the weights stay, and the scale backs off.
   */
  step(optimizer: tf.Optimizer, gradients: tf.NamedTensorMap): boolean;
}

/**
 * Dynamic loss scaling: the loss is multiplied before it is derived, and the gradients are divided
 * after it, so that small ones do not vanish where numbers are short. A step whose gradients
 * overflow is left out and the scale falls by `loss_scale_backoff`; after `loss_scale_interval`
 * good steps in a row it rises by `loss_scale_growth`. Powers of two change no bit of a step.
 *
 * Source: Micikevicius et al., Mixed Precision Training (2018), section 3.2.
 */
export class LossScaler implements StepScaler {
  readonly #config: JobConfig;
  #state: ScalerState | null;

  /** Off where `config.lossScale` is null: its calls then change nothing. */
  constructor(config: JobConfig) {
    this.#config = config;
    const { lossScale } = config;
    this.#state = lossScale === null ? null : { scale: lossScale, streak: 0, skipped: 0 };
  }

  /** What a step's event says of it: `loss_scale` from here on, `skipped_steps` so far. */
  get figures(): Record<string, number> {
    if (this.#state === null) return {};
    return { loss_scale: this.#state.scale, skipped_steps: this.#state.skipped };
  }

  scale(loss: tf.Tensor): tf.Scalar {
    const mean: tf.Scalar = loss.rank === 0 ? loss as tf.Scalar : tf.mean(loss);
    return this.#state === null ? mean : tf.mul(mean, this.#state.scale);
  }

  lossOf(scaled: tf.Scalar): number {
    return readValues(scaled)[0]! / (this.#state?.scale ?? 1);
  }

  /** Gradients without the scale, by position; those that were given are disposed. */
  unscale(gradients: (tf.Tensor | null)[]): (tf.Tensor | null)[] {
    if (this.#state === null) return gradients;
    const { scale } = this.#state;
    return gradients.map((gradient) => {
      if (gradient === null) return null;
      const unscaled = tf.tidy(() => tf.mul(gradient, 1 / scale));
      gradient.dispose();
      return unscaled;
    });
  }

  /**
   * Looks once a step at its unscaled gradients, before any clipping, and moves the scale.
   *
   * @returns `too large` when the scale was, and has fallen: the step is to be left out, and that is
   * all. `not finite` at a scale of 1: the gradients themselves are at fault.
   */
  check(gradients: readonly (tf.Tensor | null)[]): "finite" | "too large" | "not finite" {
    const state = this.#state;
    if (state === null) return "finite";
    const { lossScaleGrowth, lossScaleBackoff, lossScaleInterval } = this.#config;
    if (Number.isFinite(l2Norm(gradients.filter((gradient) => gradient !== null)))) {
      if (++state.streak >= lossScaleInterval) {
        state.streak = 0;
        state.scale = Math.min(LARGEST_LOSS_SCALE, state.scale * lossScaleGrowth);
      }
      return "finite";
    }
    state.streak = 0;
    if (state.scale === 1) return "not finite";
    state.scale = Math.max(1, state.scale * lossScaleBackoff);
    state.skipped++;
    return "too large";
  }

  step(optimizer: tf.Optimizer, gradients: tf.NamedTensorMap): boolean {
    const names = Object.keys(gradients);
    const tensors = this.unscale(Object.values(gradients)).map((gradient) => gradient!);
    const finite = this.check(tensors) === "finite";
    if (finite) {
      optimizer.applyGradients(tensors.map((tensor, at) => ({ name: names[at]!, tensor })));
    }
    tf.dispose(tensors);
    return finite;
  }

  /** What {@linkcode restore} needs; null where scaling is off. */
  capture(): ScalerState | null {
    return this.#state === null ? null : { ...this.#state };
  }

  /** Goes on where another one stood. What was captured while off leaves the scale as it is. */
  restore(state: ScalerState | null): void {
    if (this.#state !== null && state !== null) this.#state = { ...state };
  }
}
