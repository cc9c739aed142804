"""Applies gradients by TensorFlow's optimizers, for Millrace's to give the same weights.

Usage: optimizer_steps.py FILE; writes to stdout. Both JSON. In: a list of {"optimizer", "weights", "steps"}; a step is {"values"}, a dense
gradient, or {"indices", "values"}, gradients of rows, in which an index may come twice. Out: the list of final weights.

An optimizer is {"kind", ...numbers}. "adamw" and "adagrad" are Keras's, which get rows as the dense gradient that they sum
up to. "sparse_momentum" and "sparse_rmsprop" are TensorFlow's kernels for rows. "lazy_adam" is Adam on the rows of a step
alone, as TensorFlow Addons had it, in float64.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


def dense(step, shape):
    values = np.asarray(step["values"], np.float32)
    if "indices" not in step:
        return values
    total = np.zeros(shape, np.float32)
    np.add.at(total, step["indices"], values)
    return total


def rows(step):
    """Each index once, with the sum of its gradients."""
    indices, at = np.unique(step["indices"], return_inverse=True)
    values = np.asarray(step["values"], np.float32)
    total = np.zeros([len(indices), *values.shape[1:]], np.float32)
    np.add.at(total, at, values)
    return indices.astype(np.int32), total


def keras(make):
    def run(numbers, weights, steps):
        variable = tf.Variable(weights)
        optimizer = make(numbers)
        for step in steps:
            optimizer.apply_gradients([(tf.constant(dense(step, weights.shape)), variable)])
        return variable.numpy()

    return run


def sparse_momentum(numbers, weights, steps):
    variable, accumulation = tf.Variable(weights), tf.Variable(tf.zeros_like(weights))
    for step in steps:
        indices, values = rows(step)
        tf.raw_ops.ResourceSparseApplyMomentum(
            var=variable.handle,
            accum=accumulation.handle,
            lr=numbers["learningRate"],
            grad=values,
            indices=indices,
            momentum=numbers["momentum"],
            use_nesterov=numbers["nesterov"],
        )
    return variable.numpy()


def sparse_rmsprop(numbers, weights, steps):
    variable, square, moment = tf.Variable(weights), tf.Variable(tf.zeros_like(weights)), tf.Variable(tf.zeros_like(weights))
    for step in steps:
        indices, values = rows(step)
        tf.raw_ops.ResourceSparseApplyRMSProp(
            var=variable.handle,
            ms=square.handle,
            mom=moment.handle,
            lr=numbers["learningRate"],
            rho=numbers["decay"],
            momentum=numbers["momentum"],
            epsilon=numbers["epsilon"],
            grad=values,
            indices=indices,
        )
    return variable.numpy()


def lazy_adam(numbers, weights, steps):
    weights = weights.astype(np.float64)
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    b1, b2 = numbers["beta1"], numbers["beta2"]
    for t, step in enumerate(steps, 1):
        at, gradient = rows(step)
        first[at] = b1 * first[at] + (1 - b1) * gradient
        second[at] = b2 * second[at] + (1 - b2) * gradient.astype(np.float64) ** 2
        change = (first[at] / (1 - b1**t)) / (np.sqrt(second[at] / (1 - b2**t)) + numbers["epsilon"])
        weights[at] -= numbers["learningRate"] * change
    return weights


OPTIMIZERS = {
    "adamw": keras(
        lambda n: tf.keras.optimizers.AdamW(
            n["learningRate"], weight_decay=n["weightDecay"], beta_1=n["beta1"], beta_2=n["beta2"], epsilon=n["epsilon"]
        )
    ),
    "adagrad": keras(
        lambda n: tf.keras.optimizers.Adagrad(n["learningRate"], initial_accumulator_value=n["initialAccumulator"])
    ),
    "sparse_momentum": sparse_momentum,
    "sparse_rmsprop": sparse_rmsprop,
    "lazy_adam": lazy_adam,
}


def main():
    results = []
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)
    for case in cases:
        numbers = dict(case["optimizer"])
        run = OPTIMIZERS[numbers.pop("kind")]
        results.append(run(numbers, np.asarray(case["weights"], np.float32), case["steps"]).tolist())
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
