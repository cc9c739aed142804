// Writes the table of layers into docs/tracing.md from the rows of the conformance suite; run it after a change there, on a built tree.
import { readFileSync, writeFileSync } from 'node:fs';
const root = new URL('..', import.meta.url).pathname;
const { layerTable, tableBegin, tableEnd } = await import(root + '/dist/test/conformance/tensorflow/layer-table.js');
const path = root + '/docs/tracing.md';
const text = readFileSync(path, 'utf8');
const [before, after] = [text.split(tableBegin)[0], text.split(tableEnd)[1]];
writeFileSync(path, `${before}${tableBegin}\n${layerTable()}\n${tableEnd}${after}`);
