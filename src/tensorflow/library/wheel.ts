/**
 * The one package that the native library is taken from. Its Python version is nothing to us: the shared libraries and
 * headers in it do not depend on Python.
 */
export const wheel = Object.freeze({
  name: 'tensorflow-cpu',
  version: '2.21.0',
  python: '3.11',
  abi: 'cp311',
  platforms: ['manylinux_2_27_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64'],
  fileName: 'tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl',
  bytes: 273_829_956,
  sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
});

const headers = [
  ...['c_api', 'c_api_macros', 'tf_attrtype', 'tf_buffer', 'tf_datatype', 'tf_status', 'tf_tensor', 'tf_tstring'].map((name) => `tensorflow/c/${name}.h`),
  'tensorflow/c/eager/c_api.h',
  'tensorflow/core/platform/ctstring.h',
  'tensorflow/core/platform/ctstring_internal.h',
  'tsl/platform/ctstring.h',
  'tsl/platform/ctstring_internal.h',
  'xla/tsl/c/tsl_status.h',
];

/** Members of the wheel that are unpacked, and where to below the library's folder. */
export const wheelMembers: ReadonlyMap<string, string> = new Map([
  ['tensorflow/libtensorflow_framework.so.2', 'libtensorflow_framework.so.2'],
  ['tensorflow/libtensorflow_cc.so.2', 'libtensorflow_cc.so.2'],
  ...headers.map((name): [string, string] => [`tensorflow/include/${name}`, `include/${name}`]),
]);

/** What the unpacked members weigh, about. */
export const unpackedBytes = 854_000_000;
