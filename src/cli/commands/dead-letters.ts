import { readFileSync } from 'node:fs';
import { Argument, type Command } from 'commander';
import { fromSystemError, MillraceError } from '../../core/errors.js';
import { listDeadLetters, replayDeadLetters, type ReplayOptions, type StoredLetter } from '../../connectors/kafka/dead-letter-replay.js';
import type { CommandIo } from '../program.js';

interface Flags {
  readonly brokers: string;
  readonly to?: string;
  readonly group?: string;
  readonly code?: string;
  readonly limit?: string;
  readonly connection?: string;
  readonly json?: true;
}

/** `millrace dead-letters list|replay <topic>`: looks at a Kafka topic of dead letters, and sends them back. */
export function addDeadLettersCommand(program: Command, io: CommandIo): void {
  program
    .command('dead-letters')
    .description('list the dead letters in a Kafka topic, or send them back to where they came from')
    .addArgument(new Argument('<action>', 'what to do').choices(['list', 'replay']))
    .argument('<topic>', 'topic of dead letters')
    .requiredOption('-b, --brokers <list>', 'host:port, several separated by commas')
    .option('--to <topic>', 'replay to this topic instead')
    .option('--group <group>', 'consumer group that remembers what was replayed')
    .option('--code <code>', 'only letters with this error code')
    .option('--limit <n>', 'at most so many')
    .option('--connection <file>', 'JSON file with tls, sasl and other connection options')
    .option('--json', 'JSON')
    .action(async (action: string, topic: string, flags: Flags) => {
      const options = toOptions(topic, flags);
      if (action === 'list') {
        const letters = await listDeadLetters(options);
        io.stdout.write(flags.json === true ? `${JSON.stringify(letters.map(toJson))}\n` : `${formatLetters(letters).join('\n')}\n`);
        return;
      }
      const summary = await replayDeadLetters(options);
      io.stdout.write(
        flags.json === true
          ? `${JSON.stringify(summary)}\n`
          : `${summary.replayed} replayed${summary.passedOver === 0 ? '' : `, ${summary.passedOver} of another code passed over`}\n`,
      );
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
    ...(limit === undefined ? {} : { limit: Number(limit) }),
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
