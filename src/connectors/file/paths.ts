import { readdirSync, statSync, type Stats } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { fromSystemError, MillraceError } from '../../core/errors.js';

/** One path or several; each a file, a directory (all its files with the format's extension) or a pattern with * ? **. */
export type PathInput = string | readonly string[];

/** What a file sink appends to the name of a file until it is finished. */
export const unfinishedSuffix = '.inprogress';

const wildcard = /[*?]/;

/** True where the input is one file, whose records have one order. */
export function isSingleFile(input: PathInput): boolean {
  if (typeof input !== 'string') return input.length === 1 && isSingleFile(input[0] as string);
  return !wildcard.test(input) && !isDirectoryPath(input);
}

/** A path that ends with a slash, or a directory that exists. */
export function isDirectoryPath(path: string): boolean {
  return path.endsWith('/') || path.endsWith(sep) || tryStat(path)?.isDirectory() === true;
}

/** undefined where there is nothing, or something on the way to it is no directory. */
export function tryStat(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/**
 * The files that `input` names, each part in name order; hidden and unfinished files are left out.
 *
 * @throws FILE_NOT_FOUND where a path does not exist or a pattern or directory has no file
 */
export function listFiles(input: PathInput, extension: string): string[] {
  return (typeof input === 'string' ? [input] : input).flatMap((path) => listPath(path, extension));
}

function listPath(path: string, extension: string): string[] {
  if (wildcard.test(path)) return found(path, expand(path), 'no file matches this pattern');
  try {
    if (!statSync(path).isDirectory()) return [path];
    const names = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile() && entry.name.endsWith(extension) && !entry.name.startsWith('.'));
    return found(path, names.map((entry) => join(path, entry.name)).sort(), `the directory has no ${extension} file`);
  } catch (thrown) {
    throw fromSystemError(thrown, 'read', path);
  }
}

function found(path: string, files: string[], problem: string): string[] {
  if (files.length === 0) throw new MillraceError('FILE_NOT_FOUND', `${path}: ${problem}`, { details: { path } });
  return files;
}

/** Walks down from the longest part of the pattern that has no wildcard. */
function expand(pattern: string): string[] {
  let root = pattern;
  while (wildcard.test(root)) root = dirname(root);
  const rest = (root === '.' && !pattern.startsWith('./') ? pattern : pattern.slice(root.length)).split('/').filter((part) => part !== '');
  return walk(root, rest).sort();
}

function walk(folder: string, parts: readonly string[]): string[] {
  const [part, ...rest] = parts;
  if (part === undefined || tryStat(folder)?.isDirectory() !== true) return [];
  const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => !entry.name.startsWith('.'));
  const folders = entries.filter((entry) => entry.isDirectory());
  if (part === '**') return [...walk(folder, rest), ...folders.flatMap((entry) => walk(join(folder, entry.name), parts))];
  const matches = matcher(part);
  if (rest.length > 0) return folders.filter((entry) => matches.test(entry.name)).flatMap((entry) => walk(join(folder, entry.name), rest));
  return entries
    .filter((entry) => !entry.isDirectory() && !entry.name.endsWith(unfinishedSuffix) && matches.test(entry.name))
    .map((entry) => join(folder, entry.name));
}

function matcher(part: string): RegExp {
  const escaped = part
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${escaped}$`, 'u');
}

/** What messages call an input. */
export function formatPath(input: PathInput): string {
  return typeof input === 'string' ? input : input.length === 1 ? (input[0] as string) : `${input.length} files from ${basename(input[0] ?? 'none')}`;
}
