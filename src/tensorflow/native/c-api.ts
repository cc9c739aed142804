import koffi, { type LibraryHandle } from 'koffi';
import { preloadTensorFlow } from './preload.js';

/** An address in native memory. Only this folder handles them. */
export type Pointer = bigint;

/** Memory of ours that native code reads or writes in place while a call runs. */
export type Memory = Pointer | BigUint64Array | BigInt64Array | Uint8Array | null;

type AsyncDone = (error: Error | null, result: unknown) => void;

/** A function that can also run on a thread of koffi's; its arguments must stay alive until it is done. */
export interface AsyncFunction<Arguments extends readonly unknown[], Result> {
  (...args: Arguments): Result;
  readonly async: (...args: [...Arguments, AsyncDone]) => void;
}

type RunArguments = [
  session: Pointer,
  runOptions: Pointer | null,
  inputs: Memory,
  inputValues: Memory,
  inputCount: number,
  outputs: Memory,
  outputValues: Memory,
  outputCount: number,
  targets: Memory,
  targetCount: number,
  runMetadata: Pointer | null,
  status: Pointer,
];
type LoadArguments = [
  options: Pointer,
  runOptions: null,
  dir: string,
  tags: readonly string[],
  tagCount: number,
  graph: Pointer,
  metaGraph: null,
  status: Pointer,
];

/**
 * TensorFlow's C API as far as Millrace calls it (tensorflow/c/c_api.h, 2.21). A wrong declaration here crashes the
 * process, so this is the only file that has any.
 */
export interface CApi {
  readonly version: () => string;
  readonly newStatus: () => Pointer;
  readonly deleteStatus: (status: Pointer) => void;
  readonly getCode: (status: Pointer) => number;
  readonly message: (status: Pointer) => string;
  readonly newTensor: (dtype: number, dims: Memory, dimCount: number, data: Memory, bytes: number, deallocator: Pointer, argument: null) => Pointer | null;
  readonly allocateTensor: (dtype: number, dims: Memory, dimCount: number, bytes: number) => Pointer | null;
  readonly deleteTensor: (tensor: Pointer) => void;
  readonly tensorType: (tensor: Pointer) => number;
  readonly numDims: (tensor: Pointer) => number;
  readonly dim: (tensor: Pointer, index: number) => number | bigint;
  readonly tensorByteSize: (tensor: Pointer) => number | bigint;
  readonly tensorData: (tensor: Pointer) => Pointer | null;
  readonly newSessionOptions: () => Pointer;
  readonly setConfig: (options: Pointer, proto: Memory, bytes: number, status: Pointer) => void;
  readonly deleteSessionOptions: (options: Pointer) => void;
  readonly newGraph: () => Pointer;
  readonly deleteGraph: (graph: Pointer) => void;
  /** An empty TF_Buffer, for what a call gives. */
  readonly newBuffer: () => Pointer;
  readonly newBufferFromString: (bytes: Memory, count: number) => Pointer;
  readonly deleteBuffer: (buffer: Pointer) => void;
  readonly newImportGraphDefOptions: () => Pointer;
  readonly deleteImportGraphDefOptions: (options: Pointer) => void;
  readonly importGraphDef: (graph: Pointer, graphDef: Pointer, options: Pointer, status: Pointer) => void;
  readonly operationByName: (graph: Pointer, name: string) => Pointer | null;
  readonly operationNumOutputs: (operation: Pointer) => number;
  readonly newSession: (graph: Pointer, options: Pointer, status: Pointer) => Pointer | null;
  readonly loadSavedModel: AsyncFunction<LoadArguments, Pointer | null>;
  readonly run: AsyncFunction<RunArguments, void>;
  readonly closeSession: (session: Pointer, status: Pointer) => void;
  readonly deleteSession: AsyncFunction<[session: Pointer, status: Pointer], void>;
  /** libc's memcpy: a copy between native memory and ours without an ArrayBuffer over foreign memory. */
  readonly copy: (target: Memory, source: Memory, bytes: number) => unknown;
  /** libc's calloc: zeroed memory that whoever gets it frees with libc's free. */
  readonly allocate: (count: number, bytes: number) => Pointer | null;
  /** A native function that leaves its arguments alone: the deallocator of memory that stays ours. TensorFlow calls it from any thread. */
  readonly doNothing: Pointer;
}

let api: CApi | undefined;

/** The C API of the library that setup has placed. @throws SETUP_NEEDED */
export function cApi(): CApi {
  api ??= declare();
  return api;
}

/** The address of a typed array's first byte, 0 for an empty one. It stays where it is as long as its buffer lives. */
export function addressOf(memory: ArrayBufferView): Pointer {
  return memory.byteLength === 0 ? 0n : koffi.address(memory);
}

function declare(): CApi {
  const library = preloadTensorFlow();
  const framework = koffi.load(library.framework);
  const cc = koffi.load(library.cc);
  const libc = koffi.load('libc.so.6');
  const fn = <F>(from: LibraryHandle, definition: string): F => from.func(definition) as unknown as F;
  return {
    version: fn(cc, 'const char* TF_Version()'),
    newStatus: fn(framework, 'void* TF_NewStatus()'),
    deleteStatus: fn(framework, 'void TF_DeleteStatus(void* status)'),
    getCode: fn(framework, 'int TF_GetCode(const void* status)'),
    message: fn(framework, 'const char* TF_Message(const void* status)'),
    newTensor: fn(framework, 'void* TF_NewTensor(int dtype, const void* dims, int num_dims, void* data, size_t len, void* deallocator, void* arg)'),
    allocateTensor: fn(framework, 'void* TF_AllocateTensor(int dtype, const void* dims, int num_dims, size_t len)'),
    deleteTensor: fn(framework, 'void TF_DeleteTensor(void* tensor)'),
    tensorType: fn(framework, 'int TF_TensorType(const void* tensor)'),
    numDims: fn(framework, 'int TF_NumDims(const void* tensor)'),
    dim: fn(framework, 'int64_t TF_Dim(const void* tensor, int index)'),
    tensorByteSize: fn(framework, 'size_t TF_TensorByteSize(const void* tensor)'),
    tensorData: fn(framework, 'void* TF_TensorData(const void* tensor)'),
    newSessionOptions: fn(cc, 'void* TF_NewSessionOptions()'),
    setConfig: fn(cc, 'void TF_SetConfig(void* options, const void* proto, size_t len, void* status)'),
    deleteSessionOptions: fn(cc, 'void TF_DeleteSessionOptions(void* options)'),
    newGraph: fn(cc, 'void* TF_NewGraph()'),
    deleteGraph: fn(cc, 'void TF_DeleteGraph(void* graph)'),
    newBuffer: fn(framework, 'void* TF_NewBuffer()'),
    newBufferFromString: fn(framework, 'void* TF_NewBufferFromString(const void* bytes, size_t len)'),
    deleteBuffer: fn(framework, 'void TF_DeleteBuffer(void* buffer)'),
    newImportGraphDefOptions: fn(cc, 'void* TF_NewImportGraphDefOptions()'),
    deleteImportGraphDefOptions: fn(cc, 'void TF_DeleteImportGraphDefOptions(void* options)'),
    importGraphDef: fn(cc, 'void TF_GraphImportGraphDef(void* graph, const void* graph_def, const void* options, void* status)'),
    operationByName: fn(cc, 'void* TF_GraphOperationByName(void* graph, const char* name)'),
    operationNumOutputs: fn(cc, 'int TF_OperationNumOutputs(void* operation)'),
    newSession: fn(cc, 'void* TF_NewSession(void* graph, const void* options, void* status)'),
    loadSavedModel: fn(
      cc,
      'void* TF_LoadSessionFromSavedModel(const void* options, const void* run_options, const char* dir, const char** tags, int tags_len, void* graph, void* meta_graph, void* status)',
    ),
    run: fn(
      cc,
      'void TF_SessionRun(void* session, const void* run_options, const void* inputs, const void* input_values, int ninputs, const void* outputs, void* output_values, int noutputs, const void* targets, int ntargets, void* run_metadata, void* status)',
    ),
    closeSession: fn(cc, 'void TF_CloseSession(void* session, void* status)'),
    deleteSession: fn(cc, 'void TF_DeleteSession(void* session, void* status)'),
    copy: fn(libc, 'void* memcpy(void* target, const void* source, size_t bytes)'),
    allocate: fn(libc, 'void* calloc(size_t count, size_t bytes)'),
    doNothing: libc.symbol('getpid') as Pointer,
  };
}
