"""Writes a Keras model with weights of every kind of layer that importSavedModel is tested with, and its predictions.

Usage: write_keras.py DIR   DIR/exported (model.export), DIR/saved (tf.saved_model.save, with Adam's slots), DIR/case.json

case.json: {"feeds", "prediction", "variables"}; tensors as in write_models.py, variables by Keras's paths.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from write_models import encode  # noqa: E402

layers = tf.keras.layers


def build():
    words = tf.keras.Input((6,), dtype="int32", name="words")
    image = tf.keras.Input((8, 8, 2), name="image")
    text = layers.LSTM(5, name="text")(layers.Embedding(10, 4, name="table")(words))
    picture = layers.Flatten()(layers.BatchNormalization(name="norm")(layers.Conv2D(3, 3, name="conv", activation="relu")(image)))
    hidden = layers.Dense(6, name="hidden", activation="tanh")(layers.Concatenate()([text, picture]))
    both = layers.Bidirectional(layers.LSTM(2), name="both")(layers.Reshape((2, 3))(hidden))
    return tf.keras.Model([words, image], layers.Dense(2, name="out")(both))


def main():
    root = os.path.abspath(sys.argv[1])
    rng = np.random.default_rng(11)
    tf.keras.utils.set_random_seed(11)
    model = build()
    words = rng.integers(0, 10, size=(16, 6)).astype("int32")
    image = rng.normal(size=(16, 8, 8, 2)).astype("float32")
    model.compile("adam", "mse")
    # Moves biases and moving averages away from where tfjs starts them.
    model.fit([words, image], rng.normal(size=(16, 2)), epochs=20, verbose=0)
    model.export(os.path.join(root, "exported"), verbose=False)
    tf.saved_model.save(model, os.path.join(root, "saved"))
    case = {
        "feeds": {"words": encode(tf.constant(words)), "image": encode(tf.constant(image))},
        "prediction": encode(model([words, image], training=False)),
        "variables": {variable.path: encode(variable.value) for variable in model.weights if "seed_generator" not in variable.path},
    }
    with open(os.path.join(root, "case.json"), "w", encoding="utf-8") as file:
        json.dump(case, file)


if __name__ == "__main__":
    main()
