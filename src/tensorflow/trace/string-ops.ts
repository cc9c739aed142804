import type { Tensor, Tfjs } from '../model/tfjs-types.js';
import { tensorDtypes } from '../tensor-value.js';
import { rawBackend, type RawTensor } from './tfjs-internals.js';

/**
 * The bucket of each string, a number of [0, buckets), by TensorFlow's StringToHashBucketFast: tfjs-node knows no operation
 * from strings to numbers, and traced preprocessing needs one.
 *
 * @param strings any shape
 * @param buckets at least 1, less than 2^31
 * @returns int32, the shape of `strings`
 */
export function stringToHashBucket(tf: Tfjs, strings: Tensor, buckets: number): Tensor {
  const backend = rawBackend(tf);
  const { binding } = backend;
  const { TF_ATTR_INT, TF_ATTR_TYPE, TF_ATTR_BOOL } = binding;
  const ids = backend.getInputTensorIds([strings]);
  // int64, which tfjs has no tensors of.
  const [hashed] = binding.executeOp('StringToHashBucketFast', [{ name: 'num_buckets', type: TF_ATTR_INT, value: buckets }], ids, 1) as [RawTensor];
  const cast = [
    { name: 'SrcT', type: TF_ATTR_TYPE, value: tensorDtypes.int64 },
    { name: 'DstT', type: TF_ATTR_TYPE, value: tensorDtypes.int32 },
    { name: 'Truncate', type: TF_ATTR_BOOL, value: false },
  ];
  const [bucket] = binding.executeOp('Cast', cast, [hashed.id], 1) as [RawTensor];
  binding.deleteTensor(hashed.id);
  return backend.createOutputTensor(bucket);
}
