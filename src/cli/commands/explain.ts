import type { Command } from 'commander';
import { MillraceError } from '../../core/index.js';
import type { LogicalGraph, OperatorTrace } from '../../stream/index.js';
import type { CommandIo } from '../program.js';
import { collectCounts, collectPairs, parsePositiveInteger } from './parse.js';

interface ExplainFlags {
  readonly parallelism?: number;
  readonly set: Readonly<Record<string, string>>;
  readonly scale: Readonly<Record<string, number>>;
  readonly engine: string;
  readonly trace?: true;
  readonly traceDir: string;
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
    .option('--engine <name>', 'chains as this engine makes them: embedded or flink', 'embedded')
    .option('--trace', 'trace the models: operations by layer and cost, and a file for Netron and TensorBoard')
    .option('--trace-dir <dir>', 'where that file goes', 'out/trace')
    .option('--json', 'JSON')
    .action(async (file: string, { parallelism, set, scale, engine, trace, traceDir, json }: ExplainFlags) => {
      if (!['embedded', 'flink'].includes(engine)) throw new MillraceError('OPTION_INVALID', `--engine: there is no '${engine}'; there are embedded and flink`);
      const { bundleJob, loadJob } = await import('../../engines/embedded/index.js');
      const { buildGraph, explainJob, formatExplanation, planJob, resolveParams } = await import('../../stream/index.js');
      const definition = await loadJob(await bundleJob(file));
      const graph = buildGraph(definition, resolveParams(definition, set));
      const explanation = explainJob(
        definition.name,
        planJob(graph, {
          parallelism: parallelism ?? definition.parallelism,
          keyGroups: definition.keyGroups,
          overrides: scale,
          fixedChains: engine === 'flink',
        }),
      );
      const traces = trace === true ? await traceModels(graph, traceDir) : [];
      if (json === true) {
        const facts = traces.map(({ operator, traced, file: written }) => ({ operator, ...traced.facts, file: written }));
        io.stdout.write(`${JSON.stringify(trace === true ? { ...explanation, traces: facts } : explanation, null, 2)}\n`);
        return;
      }
      io.stdout.write(`${formatExplanation(explanation)}\n`);
      for (const { operator, traced, file: written } of traces) {
        const table = traced.lines.map((line) => `  ${line}\n`).join('');
        io.stdout.write(`\n${operator}: ${traced.title}\n${table}  graph: ${written} (netron, or tensorboard --logdir ${traceDir})\n`);
      }
    });
}

interface TracedOperator {
  readonly operator: string;
  readonly traced: OperatorTrace;
  readonly file: string;
}

async function traceModels(graph: LogicalGraph, dir: string): Promise<TracedOperator[]> {
  const found: TracedOperator[] = [];
  for (const node of graph.nodes) {
    if (node.trace === undefined) continue;
    const traced = await node.trace();
    found.push({ operator: node.name, traced, file: await traced.write(dir) });
  }
  if (found.length === 0)
    throw new MillraceError('OPTION_INVALID', "--trace: no operator of this job trains a model by a traced step (train() with execution 'traced')");
  return found;
}
