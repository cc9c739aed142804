import { MillraceError } from '../../core/index.js';
import { describeSpec } from '../tensor-data.js';
import { tensorDtypes, type TensorSpec } from '../tensor-value.js';
import { attr, dtypeNumber, shapeProto } from './attributes.js';
import { VariableDef, type CollectionDef, type GraphDef, type MetaGraphDef, type NodeDef, type SignatureDef, type TensorInfo } from './generated/tensorflow.js';
import { neededNodes, producerOf } from './needed-nodes.js';
import { saverNodes, type GraphVariable } from './saver-nodes.js';

/** One input or output of a signature and the graph tensor behind it, `node` or `node:i`. */
export interface ExportedTensor extends TensorSpec {
  readonly tensor: string;
}

export interface ExportedSignature {
  /** `serving_default` is what loaders take by themselves. */
  readonly name: string;
  readonly inputs: readonly ExportedTensor[];
  readonly outputs: readonly ExportedTensor[];
}

export interface MetaGraphContents {
  readonly graph: GraphDef;
  readonly variables: readonly GraphVariable[];
  readonly signatures: readonly ExportedSignature[];
  readonly tags: readonly string[];
  /** Goes into the file for whoever looks. */
  readonly tensorflowVersion: string;
}

const predictMethod = 'tensorflow/serving/predict';

/**
 * The meta graph of a SavedModel: of the graph, what the signatures and variables need; the nodes that restore the
 * variables; the collections by which Python finds them.
 *
 * @throws MODEL_INVALID listing all problems: names that are missing, taken or reserved, a signature that needs more inputs
 *   than it has, variables that nothing would restore
 */
export function makeMetaGraph(given: MetaGraphContents): MetaGraphDef {
  const contents = withOwnOutputs(given);
  const { graph, variables, signatures, tags, tensorflowVersion } = contents;
  const roots = [
    ...signatures.flatMap(({ inputs, outputs }) => [...inputs, ...outputs].map(({ tensor }) => producerOf(tensor))),
    ...variables.map(({ handle }) => handle),
  ];
  const nodes = neededNodes(graph, roots);
  const problems = problemsOf(contents, nodes);
  if (problems.length > 0) throw new MillraceError('MODEL_INVALID', `SavedModel: ${problems.join('; ')}`, { details: { problems } });
  // Without variables there is no bundle, and so nothing to restore.
  const saver = variables.length === 0 ? undefined : saverNodes(graph, variables);
  return {
    metaInfoDef: { tags: [...tags], tensorflowVersion },
    graphDef: { ...graph, node: [...nodes, ...(saver?.nodes ?? [])] },
    saverDef: saver?.saver,
    collectionDef: saver === undefined ? {} : variableCollections(saver.variables),
    signatureDef: Object.fromEntries(signatures.map((signature) => [signature.name, signatureDef(signature)])),
  };
}

/** A session refuses to fetch what it is fed; so an output that is an input becomes an Identity of it. */
function withOwnOutputs(contents: MetaGraphContents): MetaGraphContents {
  const added = new Map<string, NodeDef>();
  const taken = new Set(contents.graph.node.map(({ name }) => name));
  const signatures = contents.signatures.map((signature): ExportedSignature => {
    const fed = new Set(signature.inputs.map(({ tensor }) => tensorName(tensor)));
    const outputs = signature.outputs.map((output): ExportedTensor => {
      const input = tensorName(output.tensor);
      if (!fed.has(input)) return output;
      let name = added.get(input)?.name;
      if (name === undefined) {
        const prefix = `${producerOf(input)}/output`;
        name = prefix;
        for (let i = 1; taken.has(name); i++) name = `${prefix}_${i}`;
        taken.add(name);
        added.set(input, { name, op: 'Identity', input: [input], attr: { T: attr.type(output.dtype) }, device: '' });
      }
      return { ...output, tensor: name };
    });
    return { ...signature, outputs };
  });
  return { ...contents, signatures, graph: { ...contents.graph, node: [...contents.graph.node, ...added.values()] } };
}

function tensorName(tensor: string): string {
  return /:\d+$/.test(tensor) ? tensor : `${tensor}:0`;
}

function variableCollections(variables: readonly VariableDef[]): Record<string, CollectionDef> {
  const collection = (part: readonly VariableDef[]): CollectionDef => ({
    kind: { $case: 'bytesList', value: { value: part.map((variable) => VariableDef.encode(variable).finish()) } },
  });
  return { variables: collection(variables), trainable_variables: collection(variables.filter(({ trainable }) => trainable)) };
}

function signatureDef({ inputs, outputs }: ExportedSignature): SignatureDef {
  const infos = (tensors: readonly ExportedTensor[]): Record<string, TensorInfo> =>
    Object.fromEntries(
      tensors.map(({ name, tensor, dtype, shape }) => {
        return [name, { encoding: { $case: 'name', value: tensorName(tensor) }, dtype: tensorDtypes[dtype], tensorShape: shapeProto(shape) }];
      }),
    );
  return { inputs: infos(inputs), outputs: infos(outputs), methodName: predictMethod };
}

function problemsOf({ graph, variables, signatures, tags }: MetaGraphContents, needed: readonly NodeDef[]): string[] {
  const byName = new Map(graph.node.map((node) => [node.name, node]));
  return [
    ...(tags.length === 0 ? ['it needs at least one tag'] : []),
    ...(signatures.length === 0 ? ['it needs at least one signature'] : []),
    ...repeated(signatures.map(({ name }) => name)).map((name) => `the signature "${name}" is there twice`),
    ...signatures.flatMap((signature) => signatureProblems(signature, graph, byName)),
    ...repeated(variables.map(({ key }) => key)).map((key) => `the key "${key}" is there twice`),
    ...repeated(variables.map(({ handle }) => handle)).map((handle) => `the variable "${handle}" is there twice`),
    ...variables.flatMap((variable) => variableProblems(variable, byName.get(variable.handle))),
    ...unlistedVariables(variables, needed),
  ];
}

function signatureProblems({ name, inputs, outputs }: ExportedSignature, graph: GraphDef, byName: ReadonlyMap<string, NodeDef>): string[] {
  const where = `signature "${name}"`;
  const problems = [...inputs, ...outputs].flatMap((one) => {
    const node = byName.get(producerOf(one.tensor));
    if (node === undefined) return [`${where}, "${one.name}": the graph has no tensor "${one.tensor}"`];
    const type = node.attr['dtype']?.value;
    const differs = node.op === 'Placeholder' && type?.$case === 'type' && type.value !== tensorDtypes[one.dtype];
    return differs ? [`${where}, "${one.name}": ${describeSpec(one.dtype, one.shape)}, but the placeholder "${node.name}" has another dtype`] : [];
  });
  if (name === '' || name.startsWith('__saved_model_')) problems.push(`${where}: the name is reserved`);
  if (outputs.length === 0) problems.push(`${where} has no outputs`);
  for (const twice of repeated(inputs.map((input) => input.name))) problems.push(`${where} has the input "${twice}" twice`);
  for (const twice of repeated(outputs.map((output) => output.name))) problems.push(`${where} has the output "${twice}" twice`);
  const fed = new Set(inputs.map(({ tensor }) => producerOf(tensor)));
  // What is fed hides what lies behind it.
  const behind = { ...graph, node: graph.node.map((node) => (fed.has(node.name) ? { ...node, input: [] } : node)) };
  for (const node of neededNodes(
    behind,
    outputs.map(({ tensor }) => producerOf(tensor)),
  )) {
    if (node.op === 'Placeholder' && !fed.has(node.name)) problems.push(`${where} needs the placeholder "${node.name}", which is none of its inputs`);
  }
  return problems;
}

function variableProblems({ handle, key, dtype }: GraphVariable, node: NodeDef | undefined): string[] {
  if (node?.op !== 'VarHandleOp') return [`variable "${key}": the graph has no VarHandleOp "${handle}"`];
  const type = node.attr['dtype']?.value;
  return type?.$case === 'type' && type.value === dtypeNumber(dtype) ? [] : [`variable "${key}": the VarHandleOp "${handle}" is not of dtype ${dtype}`];
}

function unlistedVariables(variables: readonly GraphVariable[], needed: readonly NodeDef[]): string[] {
  const listed = new Set(variables.map(({ handle }) => handle));
  const missing = needed.filter(({ op, name }) => op === 'VarHandleOp' && !listed.has(name));
  return missing.map(({ name }) => `the signatures use the variable "${name}", which is not listed and would stay without a value`);
}

function repeated(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, i) => names.indexOf(name) !== i))];
}
