import { MillraceError } from '../../core/errors.js';
import { NativeSession } from '../native/index.js';
import type { Predictor } from '../predictor.js';
import type { Signature, TensorValue } from '../tensor-value.js';
import type { TracedForward } from './trace-forward.js';
import { VersionGate } from './version-gate.js';

type Values = Readonly<Record<string, TensorValue>>;

/** A predictor whose weights can be replaced between calls. */
export interface AssignablePredictor {
  readonly predictor: Predictor;
  /** Sets all variables in one go, between calls. @throws SHAPE_MISMATCH where one is missing or does not fit */
  setWeights(weights: Values): Promise<void>;
}

/** How far a graph may be from what eager tfjs gave, relative to the larger of 1 and the value. */
const tolerance = 1e-4;

/**
 * Opens a traced forward pass on a native session and holds its results for the traced sample against eager tfjs's.
 *
 * @throws UNSUPPORTED where they differ
 */
export async function openTracedPredictor(traced: TracedForward, signature: Signature, weights: Values): Promise<AssignablePredictor> {
  const session = await NativeSession.fromGraphDef(traced.graph);
  const gate = new VersionGate();
  const names = Object.entries(traced.fetches);
  const fetches = names.map(([, node]) => node);
  const run = async (feeds: Values): Promise<Values> => {
    const made = await session.run(renamed(feeds, traced.feeds, 'input'), fetches);
    return Object.fromEntries(names.map(([name, node]) => [name, made[node] as TensorValue]));
  };
  const assign = async (values: Values): Promise<void> => {
    await session.run(renamed(values, traced.weightFeeds, 'variable'), [], [traced.assignAll]);
  };
  try {
    await assign(weights);
    checkSample(traced, await run(traced.sample.feeds));
  } catch (thrown) {
    await session.close();
    throw thrown;
  }
  return {
    predictor: { signature, run: (feeds) => gate.read(() => run(feeds)), close: () => session.close() },
    setWeights: (values) => gate.write(() => assign(values)),
  };
}

/** All of `nodes`, by node name. */
function renamed(values: Values, nodes: Readonly<Record<string, string>>, what: string): Record<string, TensorValue> {
  const missing = Object.keys(nodes).filter((name) => values[name] === undefined);
  const unknown = Object.keys(values).filter((name) => nodes[name] === undefined);
  if (missing.length > 0 || unknown.length > 0) {
    throw new MillraceError('SHAPE_MISMATCH', `model: ${what}s missing: ${missing.join(', ') || 'none'}; unknown: ${unknown.join(', ') || 'none'}`, {
      details: { missing, unknown },
    });
  }
  return Object.fromEntries(Object.entries(nodes).map(([name, node]) => [node, values[name] as TensorValue]));
}

function checkSample({ sample }: TracedForward, made: Values): void {
  for (const [name, wanted] of Object.entries(sample.results)) {
    const data = made[name]?.data as Float32Array;
    wanted.forEach((value, i) => {
      const got = data[i] as number;
      if (Object.is(value, got) || Math.abs(got - value) <= tolerance * Math.max(1, Math.abs(value))) return;
      throw new MillraceError('UNSUPPORTED', `tracing: output '${name}' is ${got} as a graph but ${value} in tfjs for the same input`);
    });
  }
}
