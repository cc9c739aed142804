import { MillraceError } from '../../core/errors.js';
import { loadEager } from '../model/load-eager.js';
import type { Tensor, Tfjs, Variable } from '../model/tfjs-types.js';
import type { TensorValue } from '../tensor-value.js';
import { fromTfjs, toTfjs } from './sample.js';
import type { WithLeaves } from './structure.js';
import { resolveTraceOptions, type TraceOptions } from './trace-options.js';
import type { TracedFunction } from './traced-function.js';
import { Tracer } from './tracer.js';

type Tensors<A extends readonly unknown[]> = { readonly [K in keyof A]: WithLeaves<A[K], Tensor> };

/**
 * Traces a synchronous function of tensors into a TensorFlow graph that runs in a native session as one call.
 *
 * The function is run a few times on rows of the example; tf.Variables have their values of before afterwards. Inputs and
 * outputs are tensors, alone or in objects and arrays; an array of examples is a list of arguments. Any number of rows
 * works without another trace; other shapes are traced when they come.
 *
 * @throws UNSUPPORTED naming scope, operation and line where the function does what no graph can: reading a value that
 *   depends on its inputs, values made in JavaScript that differ from call to call, a new variable in each call
 */
export function trace<const A extends readonly unknown[], O>(fn: (...args: Tensors<A>) => O, example: A, options?: TraceOptions): Promise<TracedFunction<A, O>>;
export function trace<S, O>(fn: (input: WithLeaves<S, Tensor>) => O, example: S, options?: TraceOptions): Promise<TracedFunction<readonly [S], O>>;
export async function trace(fn: (...args: never[]) => unknown, example: unknown, options?: TraceOptions): Promise<unknown> {
  const name = options?.name ?? (fn.name || 'function');
  const resolved = resolveTraceOptions(options, `trace ${name}`);
  const tf = resolved.tf ?? (await loadEager());
  const call = fn as (...args: readonly unknown[]) => unknown;
  const tracer = new Tracer(tf, { name, fn: (...args) => ({ result: call(...args) }), eager: call, onUnsupported: 'throw' }, resolved);
  tracer.prepare(Array.isArray(example) ? (example as readonly unknown[]) : [example]);
  return tracedFunction(tf, tracer);
}

/** The callable of a tracer. */
export function tracedFunction(tf: Tfjs, tracer: Tracer): TracedFunction {
  const toTensor = (value: TensorValue): Tensor => toTfjs(tf, value, 'output');
  const toValue = (value: TensorValue): TensorValue => value;
  const call = (...args: readonly unknown[]): Promise<unknown> => tracer.call(args, toTensor);
  const members = {
    sync: (...args: readonly unknown[]) => tracer.callSync(args, toTensor),
    values: (...args: readonly unknown[]) => tracer.call(args, toValue),
    valuesSync: (...args: readonly unknown[]) => tracer.callSync(args, toValue),
    readVariables: (names?: readonly string[]) => readVariables(tracer, names),
    assignVariables: (values: Readonly<Record<string, TensorValue>>) => assignVariables(tf, tracer, values),
    share: () => tracer.share(),
    close: () => tracer.close(),
  };
  Object.defineProperties(call, { stats: { get: () => tracer.stats }, traces: { get: () => tracer.traces } });
  return Object.assign(call, members) as unknown as TracedFunction;
}

function readVariables(tracer: Tracer, names?: readonly string[]): Record<string, TensorValue> {
  const { variables } = tracer;
  const chosen = names === undefined ? variables : names.map((name) => variableOf(variables, name));
  const store = tracer.traces[0]?.store;
  const values = store === undefined ? chosen.map(fromTfjs) : store.read(chosen);
  return Object.fromEntries(chosen.map(({ name }, i) => [name, values[i]!]));
}

function assignVariables(tf: Tfjs, { variables }: Tracer, values: Readonly<Record<string, TensorValue>>): void {
  const chosen = Object.entries(values).map(([name, value]) => {
    const variable = variableOf(variables, name);
    if (variable.dtype !== value.dtype || String(variable.shape) !== String(value.shape))
      throw new MillraceError(
        'SHAPE_MISMATCH',
        `variable '${name}' is ${variable.dtype} [${String(variable.shape)}], got ${value.dtype} [${String(value.shape)}]`,
      );
    return { variable, value };
  });
  for (const { variable, value } of chosen) {
    const tensor = toTfjs(tf, value, `variable '${variable.name}'`);
    variable.assign(tensor);
    tensor.dispose();
  }
}

function variableOf(variables: readonly Variable[], name: string): Variable {
  const found = variables.find((variable) => variable.name === name);
  if (found === undefined)
    throw new MillraceError(
      'SHAPE_MISMATCH',
      `the function uses no variable '${name}'; it uses ${variables.map((variable) => variable.name).join(', ') || 'none'}`,
    );
  return found;
}
