import type { Command } from 'commander';
import type { CommandIo } from '../program.js';
import { collectCounts, collectPairs, parsePositiveInteger } from './parse.js';

interface ExplainFlags {
  readonly parallelism?: number;
  readonly set: Readonly<Record<string, string>>;
  readonly scale: Readonly<Record<string, number>>;
  readonly json?: true;
}

export function addExplainCommand(program: Command, io: CommandIo): void {
  program
    .command('explain')
    .description('print the graph of a job: operators, types, chains, exchanges, copies; nothing is started')
    .argument('<job>', 'job file')
    .option('-p, --parallelism <n>', 'parallelism of operators that set none (default: what the job says)', parsePositiveInteger)
    .option('--set <key=value>', 'a parameter of the job; repeat for more', collectPairs, {})
    .option('--scale <name=n>', 'parallelism of one operator or role; repeat for more', collectCounts, {})
    .option('--json', 'JSON')
    .action(async (file: string, { parallelism, set, scale, json }: ExplainFlags) => {
      const { bundleJob, loadJob } = await import('../../engines/embedded/index.js');
      const { buildGraph, explainJob, formatExplanation, planJob, resolveParams } = await import('../../stream/index.js');
      const definition = await loadJob(await bundleJob(file));
      const graph = buildGraph(definition, resolveParams(definition, set));
      const explanation = explainJob(
        definition.name,
        planJob(graph, { parallelism: parallelism ?? definition.parallelism, keyGroups: definition.keyGroups, overrides: scale }),
      );
      io.stdout.write(json === true ? `${JSON.stringify(explanation, null, 2)}\n` : `${formatExplanation(explanation)}\n`);
    });
}
