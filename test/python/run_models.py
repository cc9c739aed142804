"""Runs SavedModels in one process and prints what they give.

Usage: run_models.py REQUESTS.json

A request: {"dir", "signature", "via": "load" | "layer", "feeds"}; tensors as in write_models.py. All models are loaded
before the first one runs. Keras calls a layer with one input only, whoever wrote the model. Prints a list of {"outputs", "variables"}.
"""

import base64
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from write_models import encode  # noqa: E402


def decode(tensor):
    dtype, shape, data = tensor["dtype"], tensor["shape"], tensor["data"]
    if dtype == "string":
        return tf.constant([base64.b64decode(item) for item in data], shape=shape, dtype="string")
    return tf.constant(np.frombuffer(base64.b64decode(data), dtype=tf.as_dtype(dtype).as_numpy_dtype).reshape(shape))


def open_model(request):
    if request["via"] == "layer":
        layer = tf.keras.layers.TFSMLayer(request["dir"], call_endpoint=request["signature"])
        return layer, layer
    loaded = tf.saved_model.load(request["dir"])
    return loaded, loaded.signatures[request["signature"]]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        requests = json.load(file)
    models = [open_model(request) for request in requests]
    results = []
    for request, (model, call) in zip(requests, models):
        feeds = {name: decode(value) for name, value in request["feeds"].items()}
        outputs = call(*feeds.values()) if request["via"] == "layer" else call(**feeds)
        variables = [] if request["via"] == "layer" else sorted(variable.name for variable in model.variables)
        results.append({"outputs": {name: encode(value) for name, value in outputs.items()}, "variables": variables})
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
