import { closeSync, fstatSync, readSync, writeSync } from 'node:fs';
import koffi from 'koffi';
import { MillraceError } from '../../core/index.js';
import { locateLibrary, type LibraryLocation } from '../library/manifest.js';
import { processMemory } from '../library/process-memory.js';
import { withThreadLockSync } from '../library/thread-lock.js';
import { setCallStacks } from './call-stack.js';

interface Libc {
  dlopen(path: string, flags: number): bigint | null;
  dlerror(): string | null;
  dup(fd: number): number;
  dup2(from: number, to: number): number;
  memfd_create(name: string, flags: number): number;
  setenv(name: string, value: string, overwrite: number): number;
}

function openLibc(): Libc {
  setCallStacks();
  const libc = koffi.load('libc.so.6');
  return {
    dlopen: libc.func('void* dlopen(const char* path, int flags)'),
    dlerror: libc.func('const char* dlerror()'),
    dup: libc.func('int dup(int fd)'),
    dup2: libc.func('int dup2(int from, int to)'),
    memfd_create: libc.func('int memfd_create(const char* name, unsigned int flags)'),
    setenv: libc.func('int setenv(const char* name, const char* value, int overwrite)'),
  };
}

// dlfcn.h. NODELETE: unloading TensorFlow at exit, as koffi does with what it opened, ends in a segmentation fault.
const now = 0x2;
const noLoad = 0x4;
const global = 0x100;
const noDelete = 0x1000;

const stderrFd = 2;
const loadDeadlineMs = 120_000;
const chatter = /^WARNING: All log messages before absl::InitializeLog|oneDNN custom operations are on/;

let loaded: LibraryLocation | undefined;

/**
 * Loads TensorFlow's two shared libraries into the process, once, and keeps them until its end.
 *
 * TensorFlow's C++ log is kept to errors unless the user has set TF_CPP_MIN_LOG_LEVEL.
 *
 * @throws SETUP_NEEDED where they are missing or do not load; the message names the fix
 */
export function preloadTensorFlow(location: () => LibraryLocation = locateLibrary): LibraryLocation {
  if (loaded !== undefined) return loaded;
  const library = location();
  const libc = openLibc();
  // Word 2 of the start area; the words before belong to tfjs-node's start, which holds its lock around this.
  const word = new Int32Array(processMemory('tfjs-start'), 8, 1);
  withThreadLockSync(word, { deadlineMs: loadDeadlineMs, what: 'loading TensorFlow' }, () => {
    if (libc.dlopen(library.cc, now | noLoad) === null) loadQuietly(libc, library);
    // Counts this thread's use, and pins a library that somebody else has loaded.
    for (const path of [library.framework, library.cc]) open(libc, path);
  });
  loaded = library;
  return library;
}

function open(libc: Libc, path: string): void {
  if (libc.dlopen(path, now | global | noDelete) !== null) return;
  const text = libc.dlerror() ?? 'unknown error';
  throw new MillraceError('SETUP_NEEDED', `the native TensorFlow library does not load: ${text}; run: npx millrace setup --force`, { details: { path } });
}

/** While its constructors run, TensorFlow writes two lines that no setting silences; everything else is passed on. */
function loadQuietly(libc: Libc, library: LibraryLocation): void {
  libc.setenv('TF_CPP_MIN_LOG_LEVEL', '2', 0);
  const held = libc.memfd_create('millrace-stderr', 0);
  const saved = libc.dup(stderrFd);
  if (held < 0 || saved < 0) {
    open(libc, library.framework);
    return;
  }
  libc.dup2(held, stderrFd);
  try {
    open(libc, library.framework);
  } finally {
    libc.dup2(saved, stderrFd);
    passOn(held);
    closeSync(held);
    closeSync(saved);
  }
}

function passOn(held: number): void {
  const bytes = Buffer.alloc(fstatSync(held).size);
  readSync(held, bytes, 0, bytes.length, 0);
  const lines = bytes.toString().split('\n');
  const rest = lines.filter((line) => !chatter.test(line)).join('\n');
  if (rest !== '') writeSync(stderrFd, rest);
}
