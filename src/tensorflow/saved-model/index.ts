export { attr, type AttrValue, type GraphDtype } from './attributes.js';
export { GraphDefBuilder, type GraphNode } from './graph-def-builder.js';
