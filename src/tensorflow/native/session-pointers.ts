import { cApi, type CApi, type Pointer } from './c-api.js';
import { configProto, type SessionThreads } from './session-options.js';
import { checkStatus, withStatus, withStatusAsync } from './status.js';

/** A TF_Session and its TF_Graph. Whoever drops the last reference deletes both. */
export interface SessionPointers {
  readonly session: Pointer;
  readonly graph: Pointer;
}

/** Loads weights on koffi's threads; the event loop stays free. @throws MODEL_INVALID with TensorFlow's words */
export async function loadSavedModel(dir: string, tags: readonly string[], threads: SessionThreads): Promise<SessionPointers> {
  const api = cApi();
  const options = newOptions(api, threads);
  const graph = api.newGraph();
  try {
    const session = await withStatusAsync<Pointer>(
      api,
      `SavedModel ${dir}`,
      (status, done) => {
        api.loadSavedModel.async(options, null, dir, tags, tags.length, graph, null, status, done);
      },
      'MODEL_INVALID',
    );
    return { session, graph };
  } catch (thrown) {
    api.deleteGraph(graph);
    throw thrown;
  } finally {
    api.deleteSessionOptions(options);
  }
}

/** @throws MODEL_INVALID with TensorFlow's words */
export function importGraph(graphDef: Uint8Array, threads: SessionThreads): SessionPointers {
  const api = cApi();
  const graph = api.newGraph();
  const options = newOptions(api, threads);
  try {
    extendGraph(graph, graphDef);
    const session = withStatus(api, 'opening a session', (status) => api.newSession(graph, options, status)) as Pointer;
    return { session, graph };
  } catch (thrown) {
    api.deleteGraph(graph);
    throw thrown;
  } finally {
    api.deleteSessionOptions(options);
  }
}

/** Adds nodes to a graph; its sessions see them in their next run. @throws MODEL_INVALID with TensorFlow's words */
export function extendGraph(graph: Pointer, graphDef: Uint8Array): void {
  const api = cApi();
  const importOptions = api.newImportGraphDefOptions();
  const buffer = api.newBufferFromString(graphDef, graphDef.byteLength);
  try {
    withStatus(api, 'importing a graph', (status) => api.importGraphDef(graph, buffer, importOptions, status), 'MODEL_INVALID');
  } finally {
    api.deleteBuffer(buffer);
    api.deleteImportGraphDefOptions(importOptions);
  }
}

function newOptions(api: CApi, threads: SessionThreads): Pointer {
  const options = api.newSessionOptions();
  const config = configProto(threads);
  if (config.byteLength === 0) return options;
  try {
    withStatus(api, 'session options', (status) => api.setConfig(options, config, config.byteLength, status));
    return options;
  } catch (thrown) {
    api.deleteSessionOptions(options);
    throw thrown;
  }
}

/** Releases weights and graph. No run may be in flight. */
export function deletePointers({ session, graph }: SessionPointers): void {
  const api = cApi();
  const status = api.newStatus();
  try {
    api.closeSession(session, status);
    checkStatus(api, status, 'closing a session');
  } finally {
    api.deleteSession(session, status);
    api.deleteStatus(status);
    api.deleteGraph(graph);
  }
}
