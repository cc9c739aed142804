import { spawn } from 'node:child_process';
import { MillraceError } from '../../core/index.js';

export interface CommandResult {
  /** Exit code, or null after a signal. */
  readonly code: number | null;
  /** The last of stdout and stderr together. */
  readonly tail: string;
}

const tailChars = 4000;

/** Runs a program to its end. Undefined where there is no such program. @throws SETUP_FAILED at the deadline */
export function runCommand(program: string, args: readonly string[], deadlineMs: number): Promise<CommandResult | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let tail = '';
    const take = (chunk: Buffer): void => {
      tail = (tail + chunk.toString()).slice(-tailChars);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(setupFailed(`${program} did not end within ${deadlineMs / 1000} s`, 'run it again; with a slow network, fetch the wheel first', tail));
    }, deadlineMs);
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      if (error.code === 'ENOENT') resolve(undefined);
      else reject(setupFailed(`${program} could not be started: ${error.message}`, 'see the message', ''));
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, tail });
    });
  });
}

/** SETUP_FAILED in its one form: what happened, the fix, and the end of what the program printed. */
export function setupFailed(what: string, fix: string, tail = '', cause?: unknown): MillraceError {
  const output = tail.trim();
  return new MillraceError('SETUP_FAILED', `setup: ${what}. Fix: ${fix}${output === '' ? '' : `\n${output}`}`, { details: { fix, output }, cause });
}

/** A failed file operation of setup as SETUP_FAILED. */
export function fileFailed(what: string, thrown: unknown): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  const { code, message } = thrown as NodeJS.ErrnoException;
  const fix =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'the disk is full: free 1.5 GB, or give another cache directory (XDG_CACHE_HOME)'
      : code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
        ? 'run setup as the user that owns the files'
        : 'see the message, then run setup again';
  return setupFailed(`${what}: ${message}`, fix, '', thrown);
}
