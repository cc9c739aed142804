import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { MillraceError } from '../../core/index.js';
import type { CommandIo } from '../program.js';
import { collectPairs } from './parse.js';

interface ExportFlags {
  readonly signature: string;
  readonly dtype: Readonly<Record<string, string>>;
  readonly json?: true;
}

export function addExportCommand(program: Command, io: CommandIo): void {
  program
    .command('export')
    .description('write a TensorFlow.js layers model as a TensorFlow SavedModel, which Python and TensorFlow Serving load')
    .argument('<model>', 'model.json of a tf.LayersModel, or the directory that holds it')
    .argument('<dir>', 'where the SavedModel goes; one that is there is replaced')
    .option('--signature <name>', 'name of its signature', 'serving_default')
    .option('--dtype <input=dtype>', 'dtype of an input, such as int64, cast to what the model takes; repeat for more', collectPairs, {})
    .option('--json', 'JSON')
    .action(async (file: string, dir: string, { signature, dtype, json }: ExportFlags) => {
      const { exportSavedModel, loadTfjs, readSignatureSync } = await import('../../tensorflow/index.js');
      const path = modelPath(file);
      const tf = await loadTfjs();
      const model = await tf.loadLayersModel(pathToFileURL(path).href).catch((thrown: unknown) => {
        throw new MillraceError('MODEL_INVALID', `${path}: not a TensorFlow.js layers model: ${thrown instanceof Error ? thrown.message : String(thrown)}`, {
          cause: thrown,
        });
      });
      const unknown = Object.keys(dtype).filter((name) => !model.inputs.some((input) => input.name === name));
      if (unknown.length > 0)
        throw new MillraceError(
          'OPTION_INVALID',
          `--dtype: the model has no input ${unknown.join(', ')}; it has ${model.inputs.map(({ name }) => name).join(', ')}`,
        );
      const inputs = Object.fromEntries(
        model.inputs.map((input) => [input.name, { dtype: (dtype[input.name] ?? input.dtype) as 'float32', shape: input.shape }]),
      );
      await exportSavedModel(model, dir, { signatures: { [signature]: { inputs } } });
      const written = readSignatureSync(dir, { tags: ['serve'], signature }).signature;
      const facts = { dir: resolve(dir), signature, inputs: written.inputs, outputs: written.outputs, weights: model.countParams() };
      const shown = (specs: typeof written.inputs): string =>
        specs.map(({ name, dtype: type, shape = [] }) => `${name} ${type}[${shape.map((size) => (size < 0 ? '?' : size)).join(', ')}]`).join(', ');
      io.stdout.write(
        json === true
          ? `${JSON.stringify(facts)}\n`
          : `${dir}: signature ${signature}, ${facts.weights} parameters\n  inputs   ${shown(written.inputs)}\n  outputs  ${shown(written.outputs)}\n`,
      );
    });
}

function modelPath(file: string): string {
  const path = existsSync(file) && statSync(file).isDirectory() ? join(file, 'model.json') : file;
  if (!existsSync(path)) throw new MillraceError('FILE_NOT_FOUND', `${path}: no such file; give the model.json that model.save('file://...') wrote`);
  return resolve(path);
}
