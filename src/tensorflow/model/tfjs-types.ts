import type { Tfjs } from '../eager/index.js';

/** Types of TensorFlow.js by their plain names, derived from the one place that imports the package. */
export type Tensor = InstanceType<Tfjs['Tensor']>;
export type Scalar = ReturnType<Tfjs['scalar']>;
export type Variable = ReturnType<Tfjs['variable']>;
export type LayersModel = ReturnType<Tfjs['model']>;
export type SymbolicTfTensor = ReturnType<Tfjs['input']>;
export type Layer = LayersModel['layers'][number];
export type Optimizer = InstanceType<Tfjs['Optimizer']>;
export type NamedTensors = Readonly<Record<string, Tensor>>;
export type { Tfjs };
