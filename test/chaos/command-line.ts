import { parseArgs, type ParseArgsConfig } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<T extends Options> = ReturnType<typeof parseArgs<{ options: T }>>['values'];

/** Ends the process with one line: the command line cannot be meant so. */
export function refuse(why: string, exitCode = 2): never {
  console.error(`chaos: ${why}`);
  process.exit(exitCode);
}

/** The options of a command line. Ends the process on `--help`, with the usage, and on what is no option, with one line. */
export function readOptions<const T extends Options>(usage: string, options: T): Values<T> {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } } });
    const { help, ...own } = values as Values<T> & { readonly help?: boolean };
    if (help !== true) return own as unknown as Values<T>;
  } catch (thrown) {
    // Node's advice on odd values follows on lines of its own.
    refuse(`${(thrown as Error).message.split('\n')[0]?.replace(/\.$/, '')}; see --help`);
  }
  console.log(usage);
  process.exit(0);
}

export function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < least) refuse(`--${option}: '${text}' is not a whole number of ${least} or more`);
  return value;
}

export function oneOf<T extends string>(option: string, text: string | undefined, known: readonly T[]): T | undefined {
  const found = known.find((each) => each === text);
  if (text !== undefined && found === undefined) refuse(`--${option}: there is no '${text}'; there are: ${known.join(', ')}`);
  return found;
}
