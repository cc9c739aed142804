import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { MillraceError } from '../../core/index.js';
import { chooseEngine, type EngineFlags } from '../engine-choice.js';
import { readEnvironment } from '../environment.js';
import { markShown, type CommandIo } from '../program.js';
import { jsonView } from '../view/json-view.js';
import { plainView } from '../view/plain-view.js';
import type { RunView } from '../view/run-view.js';
import { collectCounts, collectList, collectPairs, parseDuration, parsePort, parsePositiveInteger } from './parse.js';

interface RunFlags extends EngineFlags {
  readonly parallelism?: number;
  readonly set: Readonly<Record<string, string>>;
  readonly scale: Readonly<Record<string, number>>;
  readonly metricsHost: string;
  readonly metricsPort: number;
  readonly checkpointEvery?: number;
  readonly checkpointDir?: string;
  readonly restore?: string;
  readonly allowDroppedState?: true;
  readonly json?: true;
  readonly params?: true;
  readonly help?: true;
}

const livePeriodMs = 500;
const plainPeriodMs = 5_000;

export function addRunCommand(program: Command, io: CommandIo): void {
  const command = program
    .command('run')
    .description('run a job file (TypeScript or JavaScript) on this machine, or on Apache Flink, until it ends')
    .usage('<job> [options]')
    .argument('[job]', 'job file with a default export made by defineJob')
    // Ours: with a job it shows the parameters of that job, too.
    .helpOption(false)
    .option('-h, --help', 'show this help; with a job, its parameters as well')
    .option('-p, --parallelism <n>', 'parallelism of operators that set none (default: what the job says)', parsePositiveInteger)
    .option('--set <key=value>', 'a parameter of the job; repeat for more', collectPairs, {})
    .option('--scale <name=n>', 'parallelism of one operator or role; repeat for more', collectCounts, {})
    .option('--metrics-host <host>', 'address that /metrics listens on', '127.0.0.1')
    .option('--metrics-port <port>', 'port of /metrics; 0 takes any free one', parsePort, 0)
    .option('--max-threads <n>', `threads that the job may use (default: enough; this machine has ${availableParallelism()} cores)`, parsePositiveInteger)
    .option('--checkpoint-every <duration>', "take a checkpoint this often, as in '10 s' (default: what the job says)", parseDuration)
    .option('--checkpoint-dir <dir>', 'where checkpoints of all jobs lie (default: MILLRACE_CHECKPOINT_DIR, the job, or the state directory)')
    .option('--restore <checkpoint>', "go on from a checkpoint or savepoint: 'latest', or its folder")
    .option('--allow-dropped-state', 'with --restore: leave out state of operators that are not in the graph any more')
    .option('--engine <name>', 'embedded: on this machine; flink: on a cluster', 'embedded')
    .option('--params', 'print the parameters of the job and exit')
    .option('--json', 'one JSON object a line on stdout; the last one is the summary');
  addFlinkOptions(command).action(async (file: string | undefined, flags: RunFlags, command: Command) => {
    if (flags.help === true) io.stdout.write(command.helpInformation());
    if (file === undefined) {
      if (flags.help === true) return;
      throw new MillraceError('OPTION_INVALID', 'run: which job? give the path of a job file, as in: millrace run job.ts');
    }
    if (flags.help === true) io.stdout.write('\nParameters of ');
    if (flags.params === true || flags.help === true) {
      const { describeParams } = await import('../job-params.js');
      io.stdout.write(await describeParams(file, flags.json === true));
      return;
    }
    const engine = chooseEngine(flags);
    // Nobody stays to look at a job that is left to Flink.
    const stays = engine.name === 'embedded' || !engine.detached;
    const view = await chooseView(flags.json === true, stays, io);
    const isLive = flags.json !== true && stays && io.stderr.isTTY;
    try {
      const { runJob } = await import('../run-job.js');
      const summary = await runJob(
        {
          file,
          set: flags.set,
          overrides: flags.scale,
          parallelism: flags.parallelism,
          engine,
          metricsHost: flags.metricsHost,
          metricsPort: flags.metricsPort,
          checkpoints: {
            everyMs: flags.checkpointEvery,
            directory: flags.checkpointDir,
            restore: flags.restore,
            allowDroppedState: flags.allowDroppedState === true,
          },
          progressEveryMs: isLive ? livePeriodMs : plainPeriodMs,
        },
        readEnvironment(),
        view,
      );
      if (summary === undefined) return;
      view.finished(summary);
      if (summary.state === 'cancelled') throw markShown(new MillraceError('CANCELLED', `job ${summary.name} was cancelled`));
    } catch (thrown) {
      const error = MillraceError.from(thrown);
      if (error.code !== 'CANCELLED') view.failed(error);
      throw markShown(error);
    }
  });
}

/** Only with --engine flink. */
function addFlinkOptions(command: Command): Command {
  return command
    .option('--address <url>', "Flink: the cluster's REST, such as http://localhost:8081")
    .option('--ca <file>', 'Flink: PEM of the authority that signed the certificate of an https:// address (default: those of Node.js)')
    .option('--cert <file>', 'Flink: PEM of our own certificate, where REST asks for one')
    .option('--key <file>', 'Flink: PEM of its private key')
    .option('--detached', 'Flink: leave when the cluster has the job; status, logs, stop, … find it')
    .option(
      '--reports-host <host>',
      'Flink: address by which TaskManagers reach this machine, for what the job prints (default: 127.0.0.1 for a cluster there)',
    )
    .option('--host-node <path>', 'Flink: Node.js on the TaskManagers (default: node in their PATH)')
    .option('--host-entry <path>', "Flink: Millrace's dist/src/engines/flink/host/main.js on the TaskManagers (default: as here)")
    .option('--host-option <option>', 'Flink: an option of Node.js there; repeat for more, as in --host-option=--max-old-space-size=512', collectList, [])
    .option('--flink <key=value>', 'Flink: an option of Flink for this job; repeat for more', collectPairs, {});
}

async function chooseView(json: boolean, stays: boolean, { stdout, stderr }: CommandIo): Promise<RunView> {
  const streams = { out: (text: string) => void stdout.write(text), err: (text: string) => void stderr.write(text) };
  if (json) return jsonView(streams);
  if (!stderr.isTTY || !stays) return plainView(streams);
  const { liveView } = await import('../view/live-view.js');
  return liveView(stdout, stderr);
}
