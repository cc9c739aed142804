import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { fromSystemError, MillraceError } from '../../core/errors.js';
import { listDeadLetters, replayDeadLetters, type ReplayOptions, type StoredLetter } from '../../connectors/kafka/dead-letter-replay.js';
import type { CommandIo } from '../program.js';
import { parsePositiveInteger } from './parse.js';

interface Flags {
  readonly brokers: string;
  readonly to?: string;
  readonly group?: string;
  readonly code?: string;
  readonly limit?: number;
  readonly connection?: string;
  readonly json?: true;
}

/** Looks at a Kafka topic of dead letters, and sends them back; no job has to run. */
export function addDeadLettersCommand(program: Command, io: CommandIo): void {
  const letters = program.command('dead-letters').description('list the dead letters in a Kafka topic, or send them back to where they came from');
  const withFlags = (command: Command): Command =>
    command
      .argument('<topic>', 'topic of dead letters')
      .requiredOption('-b, --brokers <list>', 'host:port, several separated by commas')
      .option('--group <group>', 'consumer group that remembers what was replayed (default: millrace-dead-letters-<topic>)')
      .option('--code <code>', 'only letters with this error code')
      .option('--limit <n>', 'at most so many', parsePositiveInteger)
      .option('--connection <file>', 'JSON file with tls, sasl and other connection options')
      .option('--json', 'JSON')
      .exitOverride();

  withFlags(letters.command('list'))
    .description('list the letters that were not replayed yet')
    .action(async (topic: string, flags: Flags) => {
      const found = await listDeadLetters(toOptions(topic, flags));
      io.stdout.write(flags.json === true ? `${JSON.stringify(found.map(toJson))}\n` : `${formatLetters(found).join('\n')}\n`);
    });

  withFlags(letters.command('replay'))
    .description('send letters back as the records that they were, each once; those of another --code are passed over for good')
    .option('--to <topic>', 'to this topic (default: where each came from)')
    .action(async (topic: string, flags: Flags) => {
      const summary = await replayDeadLetters(toOptions(topic, flags));
      const passed = summary.passedOver === 0 ? '' : `, ${summary.passedOver} of another code passed over`;
      io.stdout.write(flags.json === true ? `${JSON.stringify(summary)}\n` : `${summary.replayed} replayed${passed}\n`);
    });
}

function toOptions(topic: string, { brokers, to, group, code, limit, connection }: Flags): ReplayOptions {
  return {
    ...(connection === undefined ? {} : readConnection(connection)),
    brokers: brokers.split(','),
    topic,
    ...(to === undefined ? {} : { to }),
    ...(group === undefined ? {} : { group }),
    ...(code === undefined ? {} : { code }),
    ...(limit === undefined ? {} : { limit }),
  };
}

function readConnection(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    throw fromSystemError(thrown, 'connection options', path);
  }
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (thrown) {
    throw new MillraceError('OPTION_INVALID', `${path}: not JSON: ${(thrown as Error).message}`, { cause: thrown });
  }
}

const shownChars = 100;

function formatLetters(letters: readonly StoredLetter[]): string[] {
  if (letters.length === 0) return ['no dead letters'];
  return letters.flatMap(({ partition, offset, code, source, at, cause, value }) => [
    `${partition}:${offset}  ${code}  ${source}, ${at}: ${cause}`,
    `    ${value === null ? '(no value)' : JSON.stringify(Buffer.from(value).toString('utf8').slice(0, shownChars))}`,
  ]);
}

const base64 = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('base64'));

function toJson({ key, value, headers, ...letter }: StoredLetter): unknown {
  return { ...letter, key: base64(key), value: base64(value), headers: headers.map((header) => [header.name, base64(header.value)]) };
}
