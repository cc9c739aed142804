import { loadEager } from '../model/load-eager.js';
import { tracedFunction } from '../trace/trace.js';
import type { TracedFunction } from '../trace/traced-function.js';
import { Tracer } from '../trace/tracer.js';
import { resolveCompileOptions, type CompileOptions } from './compile-options.js';
import { forwardOf, stateless, type CompilableModel, type ModelTensors } from './compiled-model.js';

/** A forward pass as one native call. */
export type CompiledPredict = TracedFunction<readonly [inputs: ModelTensors], ModelTensors>;

/**
 * Compiles the forward pass of a model into a native graph, traced at the first call, for any number of rows.
 *
 * What cannot be traced runs on eager tfjs, after one warning that names the layer.
 */
export async function compilePredict(model: CompilableModel, options?: CompileOptions): Promise<CompiledPredict> {
  const resolved = resolveCompileOptions(options, 'compilePredict()');
  const tf = resolved.tf ?? (await loadEager());
  const { name, forward } = forwardOf(tf, model);
  const run = (inputs: unknown): unknown => forward(inputs, resolved.training ?? false);
  const tracer = new Tracer(
    tf,
    { name: resolved.name ?? `prediction of ${name}`, fn: stateless(model, (inputs) => ({ result: run(inputs) })), eager: run, onUnsupported: 'eager' },
    resolved,
  );
  return tracedFunction(tf, tracer) as unknown as CompiledPredict;
}
