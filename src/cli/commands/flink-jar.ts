import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { readEnvironment } from '../environment.js';
import type { CommandIo } from '../program.js';
import { collectCounts, collectList, collectPairs, parseDuration, parsePositiveInteger } from './parse.js';

interface FlinkJarFlags {
  readonly output: string;
  readonly home?: string;
  readonly parallelism?: number;
  readonly set: Readonly<Record<string, string>>;
  readonly scale: Readonly<Record<string, number>>;
  readonly checkpointEvery?: number;
  readonly checkpointDir?: string;
  readonly hostNode?: string;
  readonly hostOption: readonly string[];
  readonly flink: Readonly<Record<string, string>>;
  readonly json?: true;
}

export function addFlinkJarCommand(program: Command, io: CommandIo): void {
  program
    .command('flink-jar')
    .description('pack a job into the jar that Apache Flink runs, for an image or for the Flink Kubernetes operator; nothing is started')
    .argument('<job>', 'job file')
    .requiredOption('-o, --output <file>', 'where the jar goes; one that is there is replaced')
    .option('--home <dir>', "folder of this package on the TaskManagers (default: as here; MILLRACE_HOME in a TaskManager's environment goes over it)")
    .option('-p, --parallelism <n>', 'parallelism of operators that set none (default: what the job says)', parsePositiveInteger)
    .option('--set <key=value>', 'a parameter of the job; repeat for more', collectPairs, {})
    .option('--scale <name=n>', 'parallelism of one operator or role; repeat for more', collectCounts, {})
    .option('--checkpoint-every <duration>', "take a checkpoint this often, as in '10 s' (default: what the job says)", parseDuration)
    .option('--checkpoint-dir <dir>', "where checkpoints lie (default: MILLRACE_CHECKPOINT_DIR, the job, or the cluster's)")
    .option('--host-node <path>', 'Node.js on the TaskManagers (default: node in their PATH)')
    .option('--host-option <option>', 'an option of Node.js there; repeat for more', collectList, [])
    .option('--flink <key=value>', 'an option of Flink for this job; repeat for more', collectPairs, {})
    .option('--json', 'JSON')
    .action(async (file: string, flags: FlinkJarFlags) => {
      const { bundleJob, loadJob } = await import('../../engines/embedded/index.js');
      const { writeFlinkJar } = await import('../../engines/flink/index.js');
      const { buildGraph, resolveParams } = await import('../../stream/index.js');
      const { flinkJobOptions } = await import('../start-flink.js');
      const bundle = await bundleJob(file);
      const definition = await loadJob(bundle);
      const params = resolveParams(definition, flags.set);
      const { output, home, hostNode, hostOption, flink, checkpointEvery, checkpointDir } = flags;
      const { everyMs, restart, options } = await flinkJobOptions(
        {
          hostNode,
          hostEntry: home === undefined ? undefined : join(resolve(home), 'dist/src/engines/flink/host/main.js'),
          hostOptions: hostOption,
          configuration: flink,
        },
        {
          definition,
          checkpoints: { everyMs: checkpointEvery, directory: checkpointDir, restore: undefined, allowDroppedState: false },
          environment: readEnvironment(),
        },
      );
      const { name, keyGroups } = definition;
      const graph = await writeFlinkJar(
        {
          ...{ id: randomBytes(4).toString('hex'), name, graph: buildGraph(definition, params), bundle, params, keyGroups, restart },
          parallelism: flags.parallelism ?? definition.parallelism,
          overrides: flags.scale,
          checkpoints: { everyMs, store: undefined },
          log: ({ message }) => void io.stderr.write(`${message}\n`),
        },
        options,
        output,
      );
      const slots = Math.max(...graph.vertices.map(({ parallelism }) => parallelism));
      const facts = { jar: resolve(output), job: name, vertices: graph.vertices.length, slots };
      io.stdout.write(flags.json === true ? `${JSON.stringify(facts)}\n` : `${output}: job ${name}, ${facts.vertices} vertices, needs ${slots} slots\n`);
    });
}
