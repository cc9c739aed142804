import { applied, joining, row, type LayerRow } from './layer-row.js';
import { recurrentRows } from './recurrent-rows.js';

const activations = 'elu hardSigmoid linear relu relu6 selu sigmoid softmax softplus softsign tanh swish mish gelu gelu_new'.split(' ');

const image = [6, 6, 2];
const cube = [4, 4, 4, 2];
const sequence = [6, 3];

const basic: readonly LayerRow[] = [
  row('dense', '', [5], (tf) => tf.layers.dense({ units: 4 })),
  row('dense', 'of a sequence', sequence, (tf) => tf.layers.dense({ units: 4, activation: 'tanh' })),
  row('dense', 'without bias, regularized', [5], (tf) =>
    tf.layers.dense({ units: 4, useBias: false, kernelRegularizer: tf.regularizers.l1l2({ l1: 0.1, l2: 0.2 }) }),
  ),
  row('dense', 'constrained', [5], (tf) => tf.layers.dense({ units: 4, kernelConstraint: tf.constraints.maxNorm({ maxValue: 1 }) })),
  ...activations.map((name) => row('activation', name, [5], (tf) => tf.layers.activation({ activation: name as 'relu' }))),
  row('elu', '', [5], (tf) => tf.layers.elu()),
  row('reLU', 'with a ceiling', [5], (tf) => tf.layers.reLU({ maxValue: 0.8 })),
  row('leakyReLU', '', [5], (tf) => tf.layers.leakyReLU({ alpha: 0.1 })),
  row('prelu', '', sequence, (tf) => tf.layers.prelu({ sharedAxes: [1] })),
  row('softmax', 'over an inner axis', sequence, (tf) => tf.layers.softmax({ axis: 2 })),
  row('thresholdedReLU', '', [5], (tf) => tf.layers.thresholdedReLU({ theta: 0.3 }), {
    tfjsRefuses: { what: 'gradients', says: /gradient function not found for Greater/, because: 'comparisons have no gradient in TensorFlow.js' },
  }),
  row('flatten', '', sequence, (tf) => tf.layers.flatten()),
  row('flatten', 'channels first', image, (tf) => tf.layers.flatten({ dataFormat: 'channelsFirst' })),
  row('reshape', 'with a free dimension', image, (tf) => tf.layers.reshape({ targetShape: [3, -1] })),
  row('permute', '', [2, 3, 4], (tf) => tf.layers.permute({ dims: [3, 1, 2] })),
  row('repeatVector', '', [5], (tf) => tf.layers.repeatVector({ n: 3 })),
  row('embedding', '', { shape: [4], below: 7 }, (tf) => tf.layers.embedding({ inputDim: 7, outputDim: 3 })),
  {
    layer: 'embedding',
    variant: 'with a mask of zeros, into lstm',
    inputs: [{ shape: [4], below: 7 }],
    connect: (tf, [x]) => applied(tf.layers.lstm({ units: 2 }), applied(tf.layers.embedding({ inputDim: 7, outputDim: 3, maskZero: true }), x!)),
  },
  {
    layer: 'masking',
    variant: 'into simpleRNN',
    inputs: [{ shape: sequence, below: 2 }],
    connect: (tf, [x]) => applied(tf.layers.simpleRNN({ units: 2 }), applied(tf.layers.masking({ maskValue: 1 }), x!)),
  },
  row('masking', '', { shape: sequence, below: 2 }, (tf) => tf.layers.masking()),
  row('batchNormalization', '', [5], (tf) => tf.layers.batchNormalization()),
  row('batchNormalization', 'of images', image, (tf) => tf.layers.batchNormalization({ momentum: 0.9 })),
  row('batchNormalization', 'over the first axis of images', image, (tf) => tf.layers.batchNormalization({ axis: 1 }), {
    tfjsRefuses: { what: 'gradients', says: /Input to reshape is a tensor with/, because: 'its gradient over an inner axis fails in TensorFlow.js' },
  }),
  row('layerNormalization', '', [5], (tf) => tf.layers.layerNormalization()),
  row('layerNormalization', 'over two axes', sequence, (tf) => tf.layers.layerNormalization({ axis: [1, 2] })),
];

const random: readonly LayerRow[] = [
  row('dropout', '', [5], (tf) => tf.layers.dropout({ rate: 0.4 }), { isRandom: true }),
  row('spatialDropout1d', '', sequence, (tf) => tf.layers.spatialDropout1d({ rate: 0.4 }), { isRandom: true }),
  row('gaussianNoise', '', [5], (tf) => tf.layers.gaussianNoise({ stddev: 0.4 }), { isRandom: true }),
  row('gaussianDropout', '', [5], (tf) => tf.layers.gaussianDropout({ rate: 0.4 }), { isRandom: true }),
  row('alphaDropout', '', [5], (tf) => tf.layers.alphaDropout({ rate: 0.4 }), { isRandom: true }),
];

const spatial: readonly LayerRow[] = [
  row('conv1d', '', sequence, (tf) => tf.layers.conv1d({ filters: 4, kernelSize: 3, activation: 'relu' })),
  row('conv1d', 'same padding, strides', sequence, (tf) => tf.layers.conv1d({ filters: 4, kernelSize: 3, strides: 2, padding: 'same' })),
  row('conv2d', '', image, (tf) => tf.layers.conv2d({ filters: 3, kernelSize: 3, activation: 'relu' })),
  row('conv2d', 'same padding, strides', image, (tf) => tf.layers.conv2d({ filters: 3, kernelSize: 3, strides: 2, padding: 'same', useBias: false })),
  row('conv2d', 'dilated', image, (tf) => tf.layers.conv2d({ filters: 3, kernelSize: 2, dilationRate: 2 }), {
    tfjsRefuses: { what: 'gradients', says: /dilation rates greater than 1/, because: 'TensorFlow.js has no gradient of a dilated convolution' },
  }),
  row('conv2d', 'channels first', [2, 6, 6], (tf) => tf.layers.conv2d({ filters: 3, kernelSize: 3, dataFormat: 'channelsFirst' })),
  row('conv3d', '', cube, (tf) => tf.layers.conv3d({ filters: 2, kernelSize: 2, activation: 'tanh' })),
  row('conv2dTranspose', '', [3, 3, 2], (tf) => tf.layers.conv2dTranspose({ filters: 3, kernelSize: 3, strides: 2, padding: 'same' })),
  row('conv3dTranspose', '', [2, 2, 2, 2], (tf) => tf.layers.conv3dTranspose({ filters: 2, kernelSize: 2, strides: 2 }), {
    tfjsRefuses: { what: 'gradients', says: /gradient function not found for Conv3DBackpropInputV2/, because: 'TensorFlow.js has no gradient of it' },
  }),
  row('separableConv2d', '', image, (tf) => tf.layers.separableConv2d({ filters: 3, kernelSize: 3, depthMultiplier: 2, activation: 'relu' })),
  row('depthwiseConv2d', '', image, (tf) => tf.layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, padding: 'same' })),
  row('cropping2D', '', image, (tf) => tf.layers.cropping2D({ cropping: [[1, 2], [0, 1]] })), // prettier-ignore
  row('upSampling2d', 'nearest', image, (tf) => tf.layers.upSampling2d({ size: [2, 3] })),
  row('upSampling2d', 'bilinear', image, (tf) => tf.layers.upSampling2d({ size: [2, 2], interpolation: 'bilinear' })),
  row('zeroPadding2d', '', image, (tf) => tf.layers.zeroPadding2d({ padding: [[1, 2], [0, 1]] })), // prettier-ignore
  row('averagePooling1d', '', sequence, (tf) => tf.layers.averagePooling1d({ poolSize: 2 })),
  row('averagePooling2d', '', image, (tf) => tf.layers.averagePooling2d({ poolSize: 2, strides: 1, padding: 'same' })),
  row('averagePooling3d', '', cube, (tf) => tf.layers.averagePooling3d({ poolSize: 2 })),
  row('maxPooling1d', '', sequence, (tf) => tf.layers.maxPooling1d({ poolSize: 2 })),
  row('maxPooling2d', '', image, (tf) => tf.layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' })),
  row('maxPooling3d', '', cube, (tf) => tf.layers.maxPooling3d({ poolSize: 2 })),
  row('globalAveragePooling1d', '', sequence, (tf) => tf.layers.globalAveragePooling1d()),
  row('globalAveragePooling2d', '', image, (tf) => tf.layers.globalAveragePooling2d({})),
  row('globalMaxPooling1d', '', sequence, (tf) => tf.layers.globalMaxPooling1d()),
  row('globalMaxPooling2d', '', image, (tf) => tf.layers.globalMaxPooling2d({})),
];

const joins: readonly LayerRow[] = [
  joining('add', 'of three', [[5], [5], [5]], (tf) => tf.layers.add()),
  joining('add', 'of different ranks', [sequence, [3]], (tf) => tf.layers.add()),
  joining('average', '', [[5], [5]], (tf) => tf.layers.average()),
  joining('concatenate', '', [sequence, [6, 2]], (tf) => tf.layers.concatenate()),
  joining('concatenate', 'along an inner axis', [sequence, [2, 3]], (tf) => tf.layers.concatenate({ axis: 1 })),
  joining('maximum', '', [[5], [5]], (tf) => tf.layers.maximum()),
  joining('minimum', '', [[5], [5]], (tf) => tf.layers.minimum()),
  joining('multiply', '', [[5], [5]], (tf) => tf.layers.multiply()),
  joining('dot', 'of vectors', [[5], [5]], (tf) => tf.layers.dot({ axes: 1 })),
  joining('dot', 'of sequences, normalized', [sequence, [4, 3]], (tf) => tf.layers.dot({ axes: 2, normalize: true })),
];

/** These do not work inside models of tfjs 4.22, which hands them a list of one tensor or has its shapes changed by them. */
const preprocessing: readonly LayerRow[] = [
  row('rescaling', '', image, (tf) => tf.layers.rescaling({ scale: 0.5, offset: 1 })),
  row('resizing', 'bilinear', image, (tf) => tf.layers.resizing({ height: 4, width: 9 }), { isDirect: true }),
  row('resizing', 'nearest', image, (tf) => tf.layers.resizing({ height: 4, width: 9, interpolation: 'nearest' }), { isDirect: true }),
  row('centerCrop', '', image, (tf) => tf.layers.centerCrop({ height: 4, width: 3 }), {
    isDirect: true,
    tfjsRefuses: { what: 'gradients', says: /gradient function not found for CropAndResize/, because: 'TensorFlow.js has no gradient of it' },
  }),
  ...(['oneHot', 'multiHot', 'count'] as const).map((outputMode) =>
    row(
      'categoryEncoding',
      outputMode,
      { shape: [outputMode === 'oneHot' ? 1 : 3], below: 5 },
      (tf) => tf.layers.categoryEncoding({ numTokens: 5, outputMode }),
      {
        isDirect: true,
        tfjsRefuses: { what: 'everything', says: /Kernel 'DenseBincount' not registered/, because: 'tfjs-node has no kernel for it' },
      },
    ),
  ),
  // Always half as wide again, so that it can be compared.
  row('randomWidth', '', image, (tf) => tf.layers.randomWidth({ factor: [0.5, 0.5] }), {
    isDirect: true,
    fallsBack: { says: /random_width_\w+.*: JavaScript reads a value/, because: 'it draws the width of its output in JavaScript' },
  }),
];

/** Every layer of tf.layers, most in several configurations. */
export const layerRows: readonly LayerRow[] = [...basic, ...random, ...spatial, ...recurrentRows, ...joins, ...preprocessing];
