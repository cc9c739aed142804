"""Prints what TensorFlow reads from an event file: {"versions", "graphs": [{node: op}], "runs": [{"tag", "nodes"}]}.

Usage: read_events.py FILE
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import tensorflow as tf  # noqa: E402


def main():
    versions, graphs, runs = [], [], []
    for event in tf.compat.v1.train.summary_iterator(sys.argv[1]):
        kind = event.WhichOneof("what")
        if kind == "file_version":
            versions.append(event.file_version)
        elif kind == "graph_def":
            graph = tf.compat.v1.GraphDef.FromString(event.graph_def)
            # Importing checks every attribute and input.
            with tf.Graph().as_default():
                tf.import_graph_def(graph, name="")
            graphs.append({node.name: node.op for node in graph.node})
        elif kind == "tagged_run_metadata":
            metadata = tf.compat.v1.RunMetadata.FromString(event.tagged_run_metadata.run_metadata)
            nodes = [node.node_name for device in metadata.step_stats.dev_stats for node in device.node_stats]
            runs.append({"tag": event.tagged_run_metadata.tag, "step": event.step, "nodes": sorted(nodes)})
        else:
            raise ValueError(f"unexpected event {kind}")
    json.dump({"versions": versions, "graphs": graphs, "runs": runs}, sys.stdout)


if __name__ == "__main__":
    main()
