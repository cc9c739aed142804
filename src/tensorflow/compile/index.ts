export { compileGradients, type CompiledGradients, type GradientsOutput } from './compile-gradients.js';
export { compilePredict, type CompiledPredict } from './compile-predict.js';
export { compileTrainStep, type CompiledStep, type StepOutput } from './compile-train-step.js';
export type { CompileOptions, TrainStepOptions } from './compile-options.js';
export type { CompilableModel, ForwardFunction, ModelTensors } from './compiled-model.js';
export type { LossFunctionOfOne, ModelLoss } from './model-loss.js';
