import { isMillraceError } from '../../core/errors.js';
import type { Schema } from '../../memory/schema.js';
import type { SourceConnector } from '../../stream/connector.js';
import { SplitSource, type SplitFormat, type SplitReader } from '../split-source.js';
import { formatPath, isSingleFile, listFiles, type PathInput } from './paths.js';

/** What a file format says for a source over its files. */
export interface FileSourceSpec {
  readonly name: string;
  readonly path: PathInput;
  readonly extension: string;
  readonly schema: Schema | undefined;
  readonly notes: readonly string[];
  /** Problems of one file, found without reading its records. @throws MillraceError counts as one */
  check(file: string): readonly string[];
  openFile(file: string, position: number): Promise<SplitReader>;
}

/** Files are splits: read in name order at parallelism 1, dealt out to subtasks above it. */
export function fileSource<R>(spec: FileSourceSpec): SourceConnector<R> {
  const format: SplitFormat = {
    discover: () => Promise.resolve(listFiles(spec.path, spec.extension)),
    open: (split, position) => spec.openFile(split, position),
  };
  return splitConnector(spec, isSingleFile(spec.path) ? 1 : undefined, format);
}

/** A source connector over any splits of files. */
export function splitConnector<R>(
  spec: Pick<FileSourceSpec, 'name' | 'path' | 'extension' | 'schema' | 'notes' | 'check'>,
  maxParallelism: number | undefined,
  format: SplitFormat,
): SourceConnector<R> {
  return {
    name: spec.name,
    schema: spec.schema,
    boundedness: 'bounded',
    maxParallelism,
    notes: [`path ${formatPath(spec.path)}`, ...spec.notes],
    validate: () => checkFiles(spec),
    create: (options) => new SplitSource(format, options),
  };
}

function checkFiles(spec: Pick<FileSourceSpec, 'path' | 'extension' | 'check'>): readonly string[] {
  return problemsOf(() => listFiles(spec.path, spec.extension).flatMap((file) => problemsOf(() => spec.check(file))));
}

function problemsOf(check: () => readonly string[]): readonly string[] {
  try {
    return check();
  } catch (thrown) {
    if (isMillraceError(thrown)) return [thrown.message];
    throw thrown;
  }
}
