import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatLayerProfile, layerProfile, type NodeTime } from '../../../../src/tensorflow/index.js';

const node = (name: string, micros: number): NodeTime => ({ node: name, op: 'Any', device: 'CPU', startMicros: 0, micros });

test('nodes are summed by layer and direction, the slowest first, as means over the runs', () => {
  const run = [
    node('_SOURCE', 1),
    node('dense/MatMul', 10),
    node('dense/inner/Relu', 5),
    node('gradients/dense/MatMul', 20),
    node('ConstantFolding/out/shape', 1),
    node('loss', 2),
    node('gradients/seed', 1),
  ];
  const rows = layerProfile([run, [...run, node('out/late', 39)]]);
  assert.deepEqual(rows, [
    { layer: 'out', ops: 1.5, micros: 20.5, share: 41 / 119 },
    { layer: 'dense, gradients', ops: 1, micros: 20, share: 40 / 119 },
    { layer: 'dense', ops: 2, micros: 15, share: 30 / 119 },
    { layer: '(no layer)', ops: 1, micros: 2, share: 4 / 119 },
    { layer: '(runtime)', ops: 1, micros: 1, share: 2 / 119 },
    { layer: '(no layer), gradients', ops: 1, micros: 1, share: 2 / 119 },
  ]);
});

test('the table has a line for each layer and one for all', () => {
  assert.deepEqual(formatLayerProfile(layerProfile([[node('dense/MatMul', 1234.56), node('a_long_layer/x', 411.52)]])), [
    'layer         ops  time (us)   share',
    'dense           1     1234.6   75.0%',
    'a_long_layer    1      411.5   25.0%',
    'all             2     1646.1  100.0%',
  ]);
  assert.deepEqual(layerProfile([]), []);
  assert.deepEqual(formatLayerProfile([]), ['layer  ops  time (us)  share', 'all      0        0.0   0.0%']);
});
