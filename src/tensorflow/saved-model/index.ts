import '../library/process-memory.js';

export { attr, type AttrValue, type GraphDtype } from './attributes.js';
export { GraphDefBuilder, type GraphNode } from './graph-def-builder.js';
export type { GraphDef, NodeDef } from './generated/tensorflow.js';
export { readSignatureSync, type BoundSignature, type ReadSignatureOptions } from './read-saved-model.js';
