import type { OperatorTrace } from '../../stream/graph.js';
import type { TrainableModel } from '../../tensorflow/model/trainable.js';

/** A model's training step as `explain --trace` shows it: operations by layer and cost, and a file for graph viewers. */
export async function stepTrace(model: TrainableModel, rows: number): Promise<OperatorTrace> {
  const { tracedMs, loadedMs, layers, graph, profile } = await model.explainStep(rows);
  const { formatLayerProfile, writeEventFile } = await import('../../tensorflow/profile/index.js');
  const made = `traced in ${Math.round(tracedMs)} ms, loaded in ${Math.round(loadedMs)} ms`;
  return {
    title: `model ${model.name}: one training step of ${rows} rows, ${graph.node.length} nodes, ${made}`,
    lines: formatLayerProfile(layers),
    facts: { model: model.name, rows, nodes: graph.node.length, tracedMs, loadedMs, layers },
    write: (dir) => writeEventFile(dir, { graph, profiles: [profile] }),
  };
}
