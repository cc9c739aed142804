import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { writeEventFile } from '../../../src/tensorflow/index.js';
import { pythonJudge, runPython } from '../../python/judge.js';
import { f32, denseModel } from '../../unit/tensorflow/export/exported-models.js';

const judge = await pythonJudge();

test('TensorFlow reads the graph and the measured runs from an event file', { skip: 'skip' in judge ? judge.skip : false }, async () => {
  assert.ok('python' in judge);
  const dir = mkdtempSync(join(tmpdir(), 'millrace-events-'));
  const { graph } = denseModel();
  const session = await graph.open();
  try {
    const prepared = session.prepare(['x'], ['dense/sigmoid']);
    const runs = [await prepared.profile([f32([1, 2], 0, 0)]), await prepared.profile([f32([1, 2], 0, 0)])];
    const path = await writeEventFile(join(dir, 'logs'), { graph: graph.toGraphDef(), profiles: runs.map(({ profile }) => profile) });
    assert.match(basename(path), /^events\.out\.tfevents\.\d{10}\./);
    const read: unknown = JSON.parse(runPython(judge.python, 'read_events.py', [path]));
    const nodesOf = (run: number) => runs[run]?.profile.nodes.map(({ node }) => node).sort();
    assert.deepEqual(read, {
      versions: ['brain.Event:2'],
      graphs: [Object.fromEntries(graph.nodes().map(({ name, op }) => [name, op]))],
      runs: [0, 1].map((run) => ({ tag: `run ${run + 1}`, step: run + 1, nodes: nodesOf(run) })),
    });
  } finally {
    await session.close();
    rmSync(dir, { recursive: true, force: true });
  }
});
