// Local optimisers: SGD, momentum, Adam, written out on tensors. State lives one round and is freed.
// Why not tf.train: its momentum optimiser never frees one of its tensors, and all of them look variables up by name in a registry.

import * as tf from '@tensorflow/tfjs-core';
import type { LocalSteps } from '../trainer.js';

/** The usual constants; not in LocalSteps until somebody needs others. Adam's are those of Kingma & Ba 2015, ε as in TensorFlow. */
const MOMENTUM = 0.9;
const BETA_1 = 0.9;
const BETA_2 = 0.999;
const EPSILON = 1e-7;

export interface Optimizer {
  /** Moves `variables[i]` by `gradients[i]`; undefined where the loss does not depend on the variable. */
  apply(variables: readonly tf.Variable[], gradients: readonly (tf.Tensor | undefined)[]): void;
  dispose(): void;
}

type Rule = (slot: number, gradient: tf.Tensor) => tf.Tensor;

/** A fresh optimiser. `rule` gives the step to subtract; what it keeps it registers in `kept`. */
export function makeOptimizer({ optimizer, learningRate }: LocalSteps): Optimizer {
  const kept = new Map<string, tf.Tensor>();
  /** Replaces a tensor that outlives the step; the first time there is none before. */
  const keep = (name: string, value: tf.Tensor): tf.Tensor => {
    kept.get(name)?.dispose();
    kept.set(name, tf.keep(value));
    return value;
  };
  let step = 0;
  const rules: Record<LocalSteps['optimizer'], Rule> = {
    sgd: (_, gradient) => tf.mul(gradient, learningRate),
    momentum: (slot, gradient) => {
      const before = kept.get(`v${slot}`);
      const velocity = keep(`v${slot}`, before ? tf.add(tf.mul(before, MOMENTUM), gradient) : tf.clone(gradient));
      return tf.mul(velocity, learningRate);
    },
    adam: (slot, gradient) => {
      const average = (name: string, value: tf.Tensor, beta: number): tf.Tensor => {
        const before = kept.get(name);
        const fresh = tf.mul(value, 1 - beta);
        return keep(name, before ? tf.add(tf.mul(before, beta), fresh) : fresh);
      };
      const first = average(`m${slot}`, gradient, BETA_1);
      const second = average(`v${slot}`, tf.square(gradient), BETA_2);
      const size = tf.add(tf.sqrt(tf.div(second, 1 - BETA_2 ** step)), EPSILON);
      return tf.div(tf.mul(first, learningRate / (1 - BETA_1 ** step)), size);
    },
  };
  const rule = rules[optimizer];
  return {
    apply: (variables, gradients) => {
      step++;
      variables.forEach((variable, i) => {
        const gradient = gradients[i];
        if (gradient) tf.tidy(() => variable.assign(tf.sub(variable, rule(i, gradient))));
      });
    },
    dispose: () => {
      tf.dispose([...kept.values()]);
      kept.clear();
    },
  };
}
