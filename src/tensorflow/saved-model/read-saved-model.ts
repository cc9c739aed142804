import { readFile, realpath, stat } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromSystemError, MillraceError } from '../../core/index.js';
import { dtypeOf } from '../tensor-data.js';
import type { Signature, TensorSpec } from '../tensor-value.js';
import { SavedModel, SavedModelSummary, type GraphDef, type SavedModelSummary_MetaGraph, type TensorInfo } from './generated/tensorflow.js';
import { savedModelFile } from './layout.js';

/** The signature that TensorFlow's loaders add; it names an operation, not something to score with. */
const internalSignatures = new Set(['__saved_model_init_op', '__saved_model_train_op']);

export interface SavedModelIdentity {
  /** Absolute, symbolic links resolved. */
  readonly dir: string;
  /** Changes whenever the file is written again. */
  readonly file: string;
}

/** Names the SavedModel that lies in `dir` now. @throws FILE_NOT_FOUND, IO_FAILED */
export async function savedModelIdentity(dir: string): Promise<SavedModelIdentity> {
  try {
    const real = await realpath(dir);
    const file = await stat(join(real, savedModelFile), { bigint: true });
    return { dir: real, file: `${file.dev}:${file.ino}:${file.size}:${file.mtimeNs}` };
  } catch (thrown) {
    throw fromSystemError(thrown, 'SavedModel', join(dir, savedModelFile));
  }
}

/** A signature with the graph tensors behind its names. */
export interface BoundSignature {
  readonly signature: Signature;
  /** Graph tensor by input or output name. */
  readonly inputTensors: ReadonlyMap<string, string>;
  readonly outputTensors: ReadonlyMap<string, string>;
}

export interface ReadSignatureOptions {
  readonly tags: readonly string[];
  readonly signature: string;
}

/**
 * Reads one signature out of `dir`/saved_model.pb, without the graph.
 *
 * @throws FILE_NOT_FOUND, FORMAT_INVALID, MODEL_INVALID naming the tags or signatures that are there, UNSUPPORTED for
 *   inputs or outputs that are sparse, composite or of a dtype that does not leave graphs
 */
export async function readSignature(dir: string, options: ReadSignatureOptions): Promise<BoundSignature> {
  const path = join(dir, savedModelFile);
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (thrown) {
    throw fromSystemError(thrown, 'SavedModel', path);
  }
  return signatureIn(bytes, path, options);
}

/** The same, blocking: for building a graph, which happens in one go. */
export function readSignatureSync(dir: string, options: ReadSignatureOptions): BoundSignature {
  const path = join(dir, savedModelFile);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (thrown) {
    throw fromSystemError(thrown, 'SavedModel', path);
  }
  return signatureIn(bytes, path, options);
}

function signatureIn(bytes: Uint8Array, path: string, { tags, signature }: ReadSignatureOptions): BoundSignature {
  const metaGraph = pick(
    decodeAs(() => SavedModelSummary.decode(bytes).metaGraphs, path),
    tags,
    path,
  );
  const found = metaGraph.signatureDef[signature];
  if (found === undefined) {
    const names = Object.keys(metaGraph.signatureDef).filter((name) => !internalSignatures.has(name));
    throw new MillraceError('MODEL_INVALID', `${path}: no signature "${signature}"; it has ${names.map((name) => `"${name}"`).join(', ') || 'none'}`, {
      details: { signature, signatures: names },
    });
  }
  const inputs = bind(found.inputs, `${path}, signature "${signature}", input`);
  const outputs = bind(found.outputs, `${path}, signature "${signature}", output`);
  return { signature: { name: signature, inputs: inputs.specs, outputs: outputs.specs }, inputTensors: inputs.tensors, outputTensors: outputs.tensors };
}

/** The graph of a SavedModel; large ones take as much memory as their constants. */
export function readGraph(dir: string, tags: readonly string[]): GraphDef | undefined {
  const path = join(dir, savedModelFile);
  const metaGraphs = decodeAs(() => SavedModel.decode(readFileSync(path)).metaGraphs, path);
  return pick(metaGraphs, tags, path).graphDef;
}

function decodeAs<T>(decode: () => T, path: string): T {
  try {
    return decode();
  } catch (thrown) {
    throw new MillraceError('FORMAT_INVALID', `${path}: not a SavedModel (${thrown instanceof Error ? thrown.message : String(thrown)})`, { cause: thrown });
  }
}

function pick<M extends Pick<SavedModelSummary_MetaGraph, 'metaInfoDef'>>(metaGraphs: readonly M[], tags: readonly string[], path: string): M {
  const wanted = [...tags].sort().join(',');
  const tagsOf = (metaGraph: M): readonly string[] => metaGraph.metaInfoDef?.tags ?? [];
  const found = metaGraphs.find((metaGraph) => [...tagsOf(metaGraph)].sort().join(',') === wanted);
  if (found !== undefined) return found;
  const there = metaGraphs.map((metaGraph) => `[${tagsOf(metaGraph).join(', ')}]`).join(', ');
  throw new MillraceError('MODEL_INVALID', `${path}: no meta graph with the tags [${tags.join(', ')}]; it has ${there || 'none'}`, { details: { tags } });
}

function bind(infos: Readonly<Record<string, TensorInfo>>, where: string): { specs: TensorSpec[]; tensors: Map<string, string> } {
  const tensors = new Map<string, string>();
  const specs = Object.entries(infos)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, info]): TensorSpec => {
      const dtype = dtypeOf(info.dtype);
      if (info.encoding?.$case !== 'name')
        throw new MillraceError('UNSUPPORTED', `${where} "${name}" is sparse or composite; export a signature of dense tensors`);
      if (dtype === undefined)
        throw new MillraceError('UNSUPPORTED', `${where} "${name}" has TF_DataType ${info.dtype}, which does not leave graphs; cast it in the signature`);
      tensors.set(name, info.encoding.value);
      const shape = info.tensorShape;
      return { name, dtype, shape: shape === undefined || shape.unknownRank ? undefined : shape.dim.map(({ size }) => Number(size)) };
    });
  return { specs, tensors };
}
