"""Writes SavedModels with feeds and TensorFlow's own answers, for Millrace's sessions to give the same.

Usage: write_models.py DIR            every case, and DIR/cases.json
       write_models.py --fixture DIR  the small model that unit tests use

A case in cases.json: {"name", "dir", "signature", "feeds", "expected", "tolerance"}; tensors are {"dtype", "shape", "data"}
with base64 of the raw bytes, or a list of base64 for strings.
"""

import base64
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

NUMERIC = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


def encode(tensor):
    array = tensor.numpy() if hasattr(tensor, "numpy") else tensor
    dtype = tf.as_dtype(tensor.dtype).name
    shape = list(tensor.shape)
    if dtype == "string":
        flat = np.asarray(array, dtype=object).reshape(-1)
        data = [base64.b64encode(item).decode() for item in flat]
    else:
        data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"dtype": dtype, "shape": shape, "data": data}


class Cases:
    def __init__(self, root):
        self.root = root
        self.cases = []

    def add(self, name, module, signatures, runs, tolerance=0.0):
        """runs: (case name, signature name, feeds)."""
        path = os.path.join(self.root, name)
        tf.saved_model.save(module, path, signatures=signatures)
        loaded = tf.saved_model.load(path)
        for case, signature, feeds in runs:
            expected = loaded.signatures[signature](**feeds)
            self.cases.append(
                {
                    "name": f"{name}/{case}",
                    "dir": path,
                    "signature": signature,
                    "feeds": {key: encode(value) for key, value in feeds.items()},
                    "expected": {key: encode(value) for key, value in expected.items()},
                    "tolerance": tolerance,
                }
            )


def function_of(module, fn, **specs):
    concrete = tf.function(fn).get_concrete_function(**{name: tf.TensorSpec(shape, dtype, name=name) for name, (shape, dtype) in specs.items()})
    module.__dict__.setdefault("functions", []).append(concrete)
    return concrete


def extremes(dtype, rng):
    if dtype.startswith("float"):
        info = np.finfo(dtype)
        special = [0.0, -0.0, 1.5, -2.25, info.max / 4, info.tiny, np.inf, -np.inf]
        return np.array(special + list(rng.normal(size=8)), dtype=dtype)
    info = np.iinfo(dtype)
    return np.array([0, 1, info.min // 4, info.max // 4, info.max // 2, 7, info.max - info.max // 2 - 1], dtype=dtype)


def dtypes(cases, rng):
    for dtype in NUMERIC:
        module = tf.Module()
        signature = function_of(module, lambda x: {"twice": x + x, "same": tf.identity(x)}, x=([None], dtype))
        runs = [("values", "serving_default", {"x": tf.constant(extremes(dtype, rng))}), ("empty", "serving_default", {"x": tf.zeros([0], dtype)})]
        cases.add(f"dtype-{dtype}", module, {"serving_default": signature}, runs)

    module = tf.Module()
    signature = function_of(module, lambda x: {"flipped": tf.logical_not(x), "same": tf.identity(x)}, x=([None], "bool"))
    cases.add("dtype-bool", module, {"serving_default": signature}, [("values", "serving_default", {"x": tf.constant([True, False, True])})])

    module = tf.Module()
    signature = function_of(
        module,
        lambda x: {"joined": tf.strings.join([x, tf.constant(" and a tail that is longer than twenty-two bytes")]), "same": tf.identity(x), "length": tf.strings.length(x)},
        x=([None, 2], "string"),
    )
    texts = [["", "a"], ["exactly twenty-two byte", "x" * 22], ["x" * 23, "x" * 5000], ["gr\u00fc\u00dfe \U0001F30A", b"\x00\xff\x00raw"]]
    feeds = {"x": tf.constant([[t.encode() if isinstance(t, str) else t for t in row] for row in texts])}
    runs = [("values", "serving_default", feeds), ("empty", "serving_default", {"x": tf.zeros([0, 2], "string")})]
    cases.add("dtype-string", module, {"serving_default": signature}, runs)


def shapes(cases, rng):
    module = tf.Module()
    signature = function_of(
        module,
        lambda a, b, c: {"sum": a + tf.cast(b, "float32")[:, None], "negated": -b, "text": tf.strings.as_string(b), "where": tf.where(c, b, -b)},
        a=([None, 3], "float32"),
        b=([None], "int64"),
        c=([None], "bool"),
    )
    feeds = {
        "a": tf.constant(rng.normal(size=(4, 3)).astype("float32")),
        "b": tf.constant([-1, -(2**62), 2**62, 0], "int64"),
        "c": tf.constant([True, False, True, False]),
    }
    cases.add("several", module, {"serving_default": signature}, [("values", "serving_default", feeds)])

    module = tf.Module()
    signature = function_of(module, lambda x: {"y": x * 2.0}, x=([], "float32"))
    cases.add("scalar", module, {"serving_default": signature}, [("value", "serving_default", {"x": tf.constant(21.0)})])

    module = tf.Module()
    signature = function_of(module, lambda x: {"y": x * 2.0}, x=(None, "float32"))
    runs = [(f"rank-{rank}", "serving_default", {"x": tf.ones([2] * rank)}) for rank in range(4)]
    cases.add("unknown-rank", module, {"serving_default": signature}, runs)

    module = tf.Module()
    constants = {
        "short": tf.constant(["a", "bc"]),
        "long": tf.constant("a constant text that does not fit into twenty-two bytes"),
        "number": tf.constant([-1, -(2**40)], "int64"),
        "matrix": tf.constant([[1.5, 2.5]], "float64"),
    }
    signature = function_of(module, lambda x: {**{k: tf.identity(v) for k, v in constants.items()}, "x": x + 1.0}, x=([None], "float32"))
    cases.add("constants", module, {"serving_default": signature}, [("values", "serving_default", {"x": tf.constant([1.0])})])


class Dense(tf.Module):
    def __init__(self, rng, width_in, width_out):
        super().__init__()
        self.w = tf.Variable(rng.normal(size=(width_in, width_out)).astype("float32"))
        self.b = tf.Variable(rng.normal(size=(width_out,)).astype("float32"))

    def __call__(self, x):
        return tf.nn.sigmoid(x @ self.w + self.b)


def models(cases, rng):
    dense = Dense(rng, 64, 3)
    signature = function_of(dense, lambda x: {"probability": dense(x)}, x=([None, 64], "float32"))
    runs = [(f"rows-{rows}", "serving_default", {"x": tf.constant(rng.normal(size=(rows, 64)).astype("float32"))}) for rows in (1, 7, 1024)]
    cases.add("dense", dense, {"serving_default": signature}, runs, tolerance=1e-6)

    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant(["SFO", "LAX", "an airport with a long name"]), tf.constant([1, 2, -3], "int64")), default_value=-1
    )
    module = tf.Module()
    module.table = table
    signature = function_of(module, lambda code: {"id": table.lookup(code)}, code=([None], "string"))
    feeds = {"code": tf.constant(["LAX", "an airport with a long name", "nowhere"])}
    cases.add("lookup", module, {"serving_default": signature}, [("values", "serving_default", feeds)])

    module = tf.Module()
    plus = function_of(module, lambda x: {"y": x + 1.0}, x=([None], "float32"))
    times = function_of(module, lambda x: {"y": x * 3.0}, x=([None], "float32"))
    feeds = {"x": tf.constant([1.0, -2.0])}
    cases.add("two-signatures", module, {"plus": plus, "times": times}, [("plus", "plus", feeds), ("times", "times", feeds)])

    # One row per input, exported for exactly four rows.
    fixed = Dense(rng, 3, 2)
    signature = function_of(fixed, lambda x, s: {"p": fixed(x), "t": tf.strings.join([s, tf.constant("!")])}, x=([4, 3], "float32"), s=([4], "string"))
    x = rng.normal(size=(4, 3)).astype("float32")
    s = ["a", "b", "c", "the fourth one, which is long enough"]
    cases.add("fixed-batch", fixed, {"serving_default": signature}, [("exact", "serving_default", {"x": tf.constant(x), "s": tf.constant(s)})], tolerance=1e-6)


def fixture(path):
    """x [batch, 2] float32 -> y = x @ w [batch, 1]; `count` adds one to a variable and returns it."""

    class Linear(tf.Module):
        def __init__(self):
            super().__init__()
            self.w = tf.Variable([[10.0], [1.0]])
            self.calls = tf.Variable(0, dtype="int64")

        @tf.function(input_signature=[tf.TensorSpec([None, 2], "float32", name="x")])
        def serve(self, x):
            return {"y": x @ self.w}

        @tf.function(input_signature=[])
        def count(self):
            return {"calls": self.calls.assign_add(1)}

    linear = Linear()
    tf.saved_model.save(linear, path, signatures={"serving_default": linear.serve, "count": linear.count})


def main():
    if sys.argv[1] == "--fixture":
        fixture(sys.argv[2])
        return
    root = os.path.abspath(sys.argv[1])
    rng = np.random.default_rng(7)
    cases = Cases(root)
    dtypes(cases, rng)
    shapes(cases, rng)
    models(cases, rng)
    with open(os.path.join(root, "cases.json"), "w", encoding="utf-8") as file:
        json.dump(cases.cases, file)


if __name__ == "__main__":
    main()
