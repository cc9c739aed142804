import { readGraph } from '../saved-model/read-saved-model.js';
import type { AttrValue, GraphDef, NodeDef } from '../saved-model/generated/tensorflow.js';
import { parseTensorName } from './run-plan.js';

/** Operations whose outputs never share memory with an input that somebody else still holds. */
const fresh = new Set(
  (
    'MatMul BatchMatMul BatchMatMulV2 BatchMatMulV3 _FusedMatMul SparseMatMul Einsum BiasAdd BiasAddGrad Conv2D Conv2DBackpropInput Conv2DBackpropFilter Conv3D ' +
    'DepthwiseConv2dNative MaxPool AvgPool LRN Softmax LogSoftmax SoftmaxCrossEntropyWithLogits SparseSoftmaxCrossEntropyWithLogits ' +
    'Add AddV2 Sub Mul MulNoNan Div DivNoNan RealDiv FloorDiv FloorMod Mod Pow Maximum Minimum SquaredDifference Abs Neg Exp Expm1 Log Log1p Sqrt Rsqrt Square ' +
    'Reciprocal Inv Sign Sin Cos Tan Asin Acos Atan Atan2 Sinh Cosh Tanh Erf Sigmoid Softplus Softsign Relu Relu6 LeakyRelu Elu Selu ReluGrad SigmoidGrad TanhGrad ' +
    'Equal NotEqual Less LessEqual Greater GreaterEqual LogicalAnd LogicalOr LogicalNot IsNan IsFinite IsInf OneHot ArgMax ArgMin Shape Size Rank ' +
    'ResourceGather GatherV2 Gather StringToHashBucketFast LookupTableFindV2 SelectV2 Select ClipByValue ' +
    'ResourceApplyGradientDescent ResourceApplyMomentum ResourceApplyKerasMomentum ResourceApplyAdam ResourceApplyAdagrad ResourceApplyAdagradV2 ResourceApplyRMSProp ' +
    'ResourceSparseApplyAdagrad ResourceSparseApplyAdagradV2 AssignAddVariableOp AssignSubVariableOp'
  ).split(' '),
);

/** Operations whose outputs may be their input's memory, and that keep nothing. */
const mayPassOn = new Set(
  (
    'Identity IdentityN Reshape ExpandDims Squeeze Bitcast StopGradient PreventGradient EnsureShape CheckNumerics Snapshot Cast Slice StridedSlice Split SplitV Unpack Pack ' +
    'ConcatV2 Transpose Tile Sum Mean Max Min Prod All Any AddN Pad PadV2 BroadcastTo ReverseV2 Assert NoOp Placeholder PlaceholderWithDefault _Retval'
  ).split(' '),
);

const calls = new Set(['PartitionedCall', 'StatefulPartitionedCall']);

/** Graphs larger than this are not searched; their feeds are copied. */
const maxNodes = 200_000;

/** One input of one node: what the search needs, without the node's attributes, which hold on to the whole file. */
interface Reader {
  readonly name: string;
  readonly op: string;
  readonly input: number;
  /** The function that it calls. */
  readonly callee: string | undefined;
}

/** Who reads each tensor of one graph or function body, by the name of the node that makes it. */
interface Body {
  readonly readers: Map<string, Reader[]>;
  /** Names of a function's arguments, in order. */
  readonly args: readonly string[];
}

interface Bodies {
  readonly main: Body;
  readonly functions: Map<string, Body>;
}

/**
 * Says which feeds TensorFlow may read in place.
 *
 * A kernel that keeps its input (AssignVariableOp, queues, tables) would go on reading our memory after the call. So the
 * graph is searched from each feed, through everything that may hand the same memory on, and through function bodies. Only
 * operations known to be harmless are passed; any other one makes the feed a copied one.
 */
export class FeedSafety {
  readonly #readGraph: () => GraphDef | undefined;
  readonly #known = new Map<string, boolean>();
  #bodies: Bodies | undefined;

  private constructor(graph: () => GraphDef | undefined) {
    this.#readGraph = graph;
  }

  static ofGraph(graph: GraphDef): FeedSafety {
    const safety = new FeedSafety(() => graph);
    // Now, so that the graph with its constants need not stay.
    safety.#index();
    return safety;
  }

  /** Reads the file when the first feed could be read in place. */
  static ofSavedModel(dir: string, tags: readonly string[]): FeedSafety {
    return new FeedSafety(() => readGraph(dir, tags));
  }

  static unknown(): FeedSafety {
    return new FeedSafety(() => undefined);
  }

  /** More nodes of the same graph: readers of what is there already, too. */
  add(graph: GraphDef): void {
    const bodies = this.#index();
    if (bodies === undefined) return;
    this.#known.clear();
    for (const [name, readers] of bodyOf(graph.node, []).readers) {
      const known = bodies.main.readers.get(name);
      if (known === undefined) bodies.main.readers.set(name, readers);
      else known.push(...readers);
    }
    for (const [name, body] of functionBodies(graph)) bodies.functions.set(name, body);
  }

  mayAlias(feed: string): boolean {
    let known = this.#known.get(feed);
    if (known === undefined) {
      const bodies = this.#index();
      known = bodies !== undefined && isHarmless(parseTensorName(feed).operation, bodies.main, bodies.functions, new Set());
      this.#known.set(feed, known);
    }
    return known;
  }

  #index(): Bodies | undefined {
    if (this.#bodies !== undefined) return this.#bodies;
    const graph = this.#readGraph();
    const functions = graph?.library?.function ?? [];
    const nodeCount = functions.reduce((sum, { nodeDef }) => sum + nodeDef.length, graph?.node.length ?? 0);
    if (graph === undefined || nodeCount > maxNodes) return undefined;
    this.#bodies = { main: bodyOf(graph.node, []), functions: functionBodies(graph) };
    return this.#bodies;
  }
}

function functionBodies({ library }: GraphDef): Map<string, Body> {
  const functions = library?.function ?? [];
  return new Map(functions.map(({ signature, nodeDef }) => [signature?.name ?? '', bodyOf(nodeDef, signature?.inputArg.map(({ name }) => name) ?? [])]));
}

function bodyOf(nodes: readonly NodeDef[], args: readonly string[]): Body {
  const readers = new Map<string, Reader[]>();
  for (const node of nodes) {
    // Constants are the bulk of a graph, and nothing flows into them.
    if (node.op === 'Const') continue;
    const { op } = node;
    const callee = calls.has(op) ? functionOf(node.attr['f']) : op;
    node.input.forEach((name, input) => {
      if (name.startsWith('^')) return;
      // `node:i` in a graph, `node:output:i` in a function.
      const producer = name.split(':', 1)[0] as string;
      const list = readers.get(producer);
      const reader = { name: node.name, op, input, callee };
      if (list === undefined) readers.set(producer, [reader]);
      else list.push(reader);
    });
  }
  return { readers, args };
}

function isHarmless(from: string, body: Body, functions: ReadonlyMap<string, Body>, entered: Set<string>): boolean {
  const seen = new Set([from]);
  const queue = [from];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    for (const reader of body.readers.get(name) ?? []) {
      if (fresh.has(reader.op)) continue;
      if (!mayPassOn.has(reader.op) && !isHarmlessCall(reader, functions, entered)) return false;
      if (!seen.has(reader.name)) {
        seen.add(reader.name);
        queue.push(reader.name);
      }
    }
  }
  return true;
}

function isHarmlessCall({ callee, input }: Reader, functions: ReadonlyMap<string, Body>, entered: Set<string>): boolean {
  const body = callee === undefined ? undefined : functions.get(callee);
  const arg = body?.args[input];
  if (body === undefined || arg === undefined) return false;
  const key = `${callee}\n${input}`;
  // A recursive call adds nothing to what the outer search already looks at.
  if (entered.has(key)) return true;
  entered.add(key);
  return isHarmless(arg, body, functions, entered);
}

function functionOf(attribute: AttrValue | undefined): string | undefined {
  return attribute?.value?.$case === 'func' ? attribute.value.value.name : undefined;
}
