import { row, type LayerRow } from './layer-row.js';

const sequence = [4, 3];

export const recurrentRows: readonly LayerRow[] = [
  row('simpleRNN', '', sequence, (tf) => tf.layers.simpleRNN({ units: 3 })),
  row('lstm', '', sequence, (tf) => tf.layers.lstm({ units: 3 })),
  row('lstm', 'that returns sequences, backwards', sequence, (tf) => tf.layers.lstm({ units: 3, returnSequences: true, goBackwards: true })),
  row('gru', '', sequence, (tf) => tf.layers.gru({ units: 3 })),
  row('gru', 'unrolled, implementation 1', sequence, (tf) => tf.layers.gru({ units: 3, unroll: true, implementation: 1 })),
  row('rnn', 'of simpleRNNCell', sequence, (tf) => tf.layers.rnn({ cell: tf.layers.simpleRNNCell({ units: 2 }) })),
  row('simpleRNNCell', 'in rnn', sequence, (tf) => tf.layers.rnn({ cell: tf.layers.simpleRNNCell({ units: 2, activation: 'sigmoid' }) })),
  row('lstmCell', 'in rnn', sequence, (tf) => tf.layers.rnn({ cell: tf.layers.lstmCell({ units: 2 }) })),
  row('gruCell', 'in rnn', sequence, (tf) => tf.layers.rnn({ cell: tf.layers.gruCell({ units: 2 }) })),
  row('stackedRNNCells', 'of two kinds', sequence, (tf) =>
    tf.layers.rnn({ cell: tf.layers.stackedRNNCells({ cells: [tf.layers.lstmCell({ units: 3 }), tf.layers.gruCell({ units: 2 })] }) }),
  ),
  row('convLstm2d', '', [3, 4, 4, 2], (tf) => tf.layers.convLstm2d({ filters: 2, kernelSize: 2 })),
  row('convLstm2dCell', 'in convLstm2d that returns sequences', [2, 4, 4, 1], (tf) =>
    tf.layers.convLstm2d({ filters: 2, kernelSize: 3, padding: 'same', returnSequences: true }),
  ),
  row('lstm', 'with dropout', sequence, (tf) => tf.layers.lstm({ units: 3, dropout: 0.3, recurrentDropout: 0.2 }), { isRandom: true }),
  ...(['sum', 'mul', 'concat', 'ave'] as const).map((mergeMode) =>
    row('bidirectional', `lstm, ${mergeMode}`, sequence, (tf) => tf.layers.bidirectional({ layer: tf.layers.lstm({ units: 2 }), mergeMode })),
  ),
  {
    layer: 'bidirectional',
    variant: 'gru of sequences, not merged',
    inputs: [{ shape: sequence }],
    connect: (tf, [x]) => tf.layers.bidirectional({ layer: tf.layers.gru({ units: 2, returnSequences: true }), mergeMode: null as never }).apply(x!) as never,
  },
  row('timeDistributed', 'dense', sequence, (tf) => tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 2, activation: 'relu' }) })),
  row('timeDistributed', 'conv2d', [3, 4, 4, 1], (tf) => tf.layers.timeDistributed({ layer: tf.layers.conv2d({ filters: 2, kernelSize: 3 }) })),
];
