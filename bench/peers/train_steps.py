"""Steps per second of training in Python TensorFlow, for bench/trace.ts, which asks in turns with its own runs.

Reads a line of JSON, {"model", "batch", "seconds"}; trains for that long; answers {"rate"} in steps/s. A model is made and
traced at its first line, which runs a few steps that nobody counts.

Each step is one tf.function (jit_compile=False) called from a plain loop: forward pass, tape, Adam(1e-3). Its inputs are
tensors that lie ready, and its loss is read, as the other side of the bench does. The models:

  mlp            64-256-128-1 as a Keras model, trained by keras.optimizers.Adam: how one writes it
  mlp-raw        the same with tf.Variables and TensorFlow's fused kernel, ResourceApplyAdam: the least that Python can do
  cnn            28x28x1: convolutions of 32 and 64 (3x3), max pooling, dense 128, dense 10
  lstm           20 steps of 32 features, keras.layers.LSTM(64), dense 1: a loop inside the graph
  lstm-unrolled  the same with unroll=True
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

layers = tf.keras.layers
LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-7


def sigmoid_loss(labels, logits):
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))


def category_loss(labels, logits):
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def keras_step(model, loss_of):
    optimizer = tf.keras.optimizers.Adam(LEARNING_RATE, beta_1=BETA1, beta_2=BETA2, epsilon=EPSILON)
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=False)
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    return step


def raw_step():
    sizes = [64, 256, 128, 1]
    pairs = list(zip(sizes, sizes[1:]))
    variables = []
    for fan_in, fan_out in pairs:
        deviation = np.sqrt(6 / (fan_in + fan_out))
        variables.append(tf.Variable(tf.random.uniform([fan_in, fan_out], -deviation, deviation)))
        variables.append(tf.Variable(tf.zeros([fan_out])))
    moments = [(tf.Variable(tf.zeros_like(each)), tf.Variable(tf.zeros_like(each))) for each in variables]
    powers = [tf.Variable(BETA1), tf.Variable(BETA2)]

    @tf.function(jit_compile=False)
    def step(x, y):
        with tf.GradientTape() as tape:
            for i in range(len(pairs)):
                x = tf.nn.bias_add(tf.matmul(x, variables[2 * i]), variables[2 * i + 1])
                if i + 1 < len(pairs):
                    x = tf.nn.relu(x)
            loss = sigmoid_loss(y, x)
        for variable, gradient, (first, second) in zip(variables, tape.gradient(loss, variables), moments):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=LEARNING_RATE,
                beta1=BETA1,
                beta2=BETA2,
                epsilon=EPSILON,
                grad=gradient,
            )
        powers[0].assign(powers[0] * BETA1)
        powers[1].assign(powers[1] * BETA2)
        return loss

    return step


def mlp():
    return keras_step(
        tf.keras.Sequential([tf.keras.Input([64]), layers.Dense(256, "relu"), layers.Dense(128, "relu"), layers.Dense(1)]),
        sigmoid_loss,
    )


def cnn():
    model = tf.keras.Sequential(
        [
            tf.keras.Input([28, 28, 1]),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, "relu"),
            layers.Dense(10),
        ]
    )
    return keras_step(model, category_loss)


def lstm(unroll):
    model = tf.keras.Sequential([tf.keras.Input([20, 32]), layers.LSTM(64, unroll=unroll), layers.Dense(1)])
    return keras_step(model, sigmoid_loss)


def binary(batch):
    return np.random.randint(0, 2, [batch, 1]).astype(np.float32)


MODELS = {
    "mlp": (mlp, [64], binary),
    "mlp-raw": (raw_step, [64], binary),
    "cnn": (cnn, [28, 28, 1], lambda batch: np.eye(10, dtype=np.float32)[np.random.randint(0, 10, batch)]),
    "lstm": (lambda: lstm(False), [20, 32], binary),
    "lstm-unrolled": (lambda: lstm(True), [20, 32], binary),
}


class Runner:
    def __init__(self, name, batch):
        make, shape, labels = MODELS[name]
        self.step = make()
        self.x = tf.constant(np.random.rand(batch, *shape).astype(np.float32))
        self.y = tf.constant(labels(batch))
        for _ in range(5):
            self.run()

    def run(self):
        return self.step(self.x, self.y).numpy()

    def rate(self, seconds):
        count, start = 0, time.perf_counter()
        while True:
            self.run()
            count += 1
            elapsed = time.perf_counter() - start
            if elapsed >= seconds:
                return count / elapsed


def main():
    runners = {}
    for line in sys.stdin:
        request = json.loads(line)
        key = (request["model"], request["batch"])
        if key not in runners:
            runners[key] = Runner(*key)
        print(json.dumps({"rate": runners[key].rate(request["seconds"])}), flush=True)


if __name__ == "__main__":
    main()
