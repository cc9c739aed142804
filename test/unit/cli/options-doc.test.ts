import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import type { z } from 'zod';
import { createProgram } from '../../../src/cli/program.js';
import { consoleOptions } from '../../../src/connectors/console.js';
import { csvSinkOptions, csvSourceOptions } from '../../../src/connectors/file/csv.js';
import { fileSinkOptions } from '../../../src/connectors/file/file-sink.js';
import { jsonlSourceOptions } from '../../../src/connectors/file/jsonl.js';
import { parquetSinkOptions, parquetSourceOptions } from '../../../src/connectors/file/parquet.js';
import { kafkaSinkOptions } from '../../../src/connectors/kafka/kafka-sink.js';
import { kafkaSourceOptions } from '../../../src/connectors/kafka/kafka-source.js';
import { generatorOptions } from '../../../src/connectors/generator.js';
import { embeddedEngineOptions } from '../../../src/engines/embedded/options.js';
import { flinkEngineOptions } from '../../../src/engines/flink/options.js';
import { scoreOptions } from '../../../src/inference/options.js';
import { clusterOptions } from '../../../src/ml-framework/cluster/cluster-config.js';
import { trainOptions } from '../../../src/ml-framework/training/train-options.js';
import { importSavedModelOptions } from '../../../src/tensorflow/import/import-saved-model.js';
import { compileOptionsSchema, trainStepOptionsSchema } from '../../../src/tensorflow/compile/compile-options.js';
import { exportOptions } from '../../../src/tensorflow/export/export-saved-model.js';
import { traceOptionsSchema } from '../../../src/tensorflow/trace/trace-options.js';
import { readVariablesOptions } from '../../../src/tensorflow/import/read-variables.js';
import { sourceOptions } from '../../../src/stream/environment.js';
import { jobOptions } from '../../../src/stream/job.js';
import { checkpointOptions } from '../../../src/stream/checkpoint-options.js';
import { exponentialBackoff, failureRate, fixedDelay, roleScope } from '../../../src/stream/restart-options.js';
import { operatorOptions, userFunctionOptions } from '../../../src/stream/operator-options.js';

/** Options of a schema that the one that it extends does not have. */
function added(schema: Shaped, base: Shaped): Shaped {
  return { shape: Object.fromEntries(Object.entries(schema.shape).filter(([name]) => !Object.hasOwn(base.shape, name))) };
}

interface Shaped {
  readonly shape: Readonly<Record<string, z.ZodType>>;
}

const sections: Readonly<Record<string, Shaped>> = {
  '`defineJob(options)`': jobOptions,
  '`checkpoint` of a job': checkpointOptions,
  '`restart`: `fixedDelay`': fixedDelay,
  '`restart`: `exponentialBackoff`': exponentialBackoff,
  '`restart`: `failureRate`': failureRate,
  'Operators: `to()` and all below': operatorOptions,
  'Operators with a function: `map()`, `filter()`, `flatMap()`, `with()`': userFunctionOptions,
  '`source(connector, options)`': sourceOptions,
  '`generator(options)`': generatorOptions,
  '`csv(path, schema, options)`: source': csvSourceOptions,
  '`jsonl(path, schema, options)`: source': jsonlSourceOptions,
  '`parquet(path, schema, options)`: source': parquetSourceOptions,
  '`jsonl(path, options)`: sink': fileSinkOptions,
  '`csv(path, options)`: sink': csvSinkOptions,
  '`parquet(path, options)`: sink': parquetSinkOptions,
  '`kafkaSource(options, schema, format)`': kafkaSourceOptions,
  '`kafkaSink(options)`': kafkaSinkOptions,
  '`console(options)`': consoleOptions,
  '`stream.train(model, options)`': trainOptions,
  '`stream.score(model, options)`': scoreOptions,
  '`restartRoles`': roleScope,
  '`defineCluster(options)`': clusterOptions,
  '`createEmbeddedEngine(options)`': embeddedEngineOptions,
  '`createFlinkEngine(options)`': flinkEngineOptions,
  '`trace(fn, example, options)`, and all that compile': traceOptionsSchema,
  '`compileGradients(model, loss, options)`, `compilePredict(model, options)`': added(compileOptionsSchema, traceOptionsSchema),
  '`compileTrainStep(model, loss, optimizer, options)`': added(trainStepOptionsSchema, compileOptionsSchema),
  '`exportSavedModel(model, dir, options)`': exportOptions,
  '`readVariables(dir, options)`': readVariablesOptions,
  '`importSavedModel(dir, model, options)`': importSavedModelOptions,
};

const text = readFileSync(resolve(import.meta.dirname, '../../../../docs/options.md'), 'utf8');

/** Rows of the first table of a section. */
function tableOf(section: string): readonly (readonly string[])[] {
  const body = text.split(`\n## ${section}\n`)[1]?.split('\n## ')[0];
  assert.ok(body !== undefined, `docs/options.md has no section ${section}`);
  const rows = body.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const namesIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);

function defaultOf(schema: z.ZodType): string {
  const parsed = schema.safeParse(undefined);
  if (!parsed.success) return 'required';
  if (parsed.data === undefined) return 'none';
  return typeof parsed.data === 'function' ? 'function' : `\`${JSON.stringify(parsed.data)}\``;
}

for (const [section, { shape }] of Object.entries(sections)) {
  test(`docs/options.md lists each option with its default: ${section.replaceAll('`', '')}`, () => {
    const documented = tableOf(section).flatMap(([names, , fallback]) => namesIn(names!).map((name) => [name, fallback!] as const));
    const expected = Object.entries(shape).map(([name, schema]) => [name, defaultOf(schema)] as const);
    assert.deepEqual(documented.map(([name]) => name).sort(), expected.map(([name]) => name).sort());
    for (const [name, fallback] of expected) {
      const shown = documented.find(([other]) => other === name)![1];
      if (fallback === 'function') assert.notEqual(shown, '');
      // A custom check cannot tell required from optional by itself.
      else if (fallback !== 'none' || shown !== 'required') assert.equal(shown, fallback, name);
    }
  });
}

test('docs/options.md lists each command with its options', () => {
  const program = createProgram({ stdout: process.stdout, stderr: process.stderr });
  const documented = new Map(tableOf('Command line').map(([command, options]) => [/millrace ([a-z -]*[a-z])/.exec(command!)![1]!, namesIn(options!)]));
  // Of a command with commands of its own, those are what one can call.
  const commands = program.commands.flatMap((command) =>
    command.commands.length === 0
      ? [[command.name(), command] as const]
      : command.commands.map((inner) => [`${command.name()} ${inner.name()}`, inner] as const),
  );
  assert.deepEqual([...documented.keys()].sort(), commands.map(([name]) => name).sort());
  for (const [name, command] of commands) {
    const long = command.options.map((option) => option.long!).filter((option) => option !== '--help');
    assert.deepEqual([...documented.get(name)!].sort(), long.sort(), name);
  }
});

test('docs/options.md lists the environment variables that the command line reads', () => {
  const source = readFileSync(resolve(import.meta.dirname, '../../../../src/cli/environment.ts'), 'utf8');
  const read = new Set(source.match(/'MILLRACE_[A-Z_]+'/g)?.map((name) => name.slice(1, -1)));
  const documented = tableOf('Environment').flatMap(([names]) => namesIn(names!).filter((name) => name.startsWith('MILLRACE_')));
  assert.deepEqual(documented.sort(), [...read].sort());
});
