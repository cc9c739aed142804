import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { freemem, totalmem } from 'node:os';
import { JobDirectory } from './control/directory.js';
import type { CliEnvironment } from './environment.js';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly fix?: string;
}

// TensorFlow's libraries take about 400 MB, each thread with tfjs some 45 MB more.
const minFreeBytes = 1024 ** 3;

/** The checks of `millrace doctor` that have nothing to do with TensorFlow. */
export async function checkHost(environment: CliEnvironment): Promise<readonly Check[]> {
  return [
    checkMemory(),
    await checkLoopback(),
    checkDirectory('runtime directory', environment.runtimeDir, 'MILLRACE_RUNTIME_DIR'),
    checkDirectory('state directory', environment.stateDir, 'MILLRACE_STATE_DIR'),
  ];
}

function checkMemory(): Check {
  const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  const ok = freemem() >= minFreeBytes;
  return {
    name: 'memory',
    ok,
    detail: `${gib(freemem())} free of ${gib(totalmem())}`,
    ...(ok ? {} : { fix: `free at least ${gib(minFreeBytes)}: TensorFlow and two workers need about that much` }),
  };
}

function checkLoopback(): Promise<Check> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (thrown) => {
      resolve({
        name: 'ports',
        ok: false,
        detail: `cannot listen on 127.0.0.1: ${thrown.message}`,
        fix: 'let this user open ports on the loopback interface: nodes talk gRPC there',
      });
    });
    server.listen(0, '127.0.0.1', () => {
      server.close(() => {
        resolve({ name: 'ports', ok: true, detail: 'can listen on 127.0.0.1' });
      });
    });
  });
}

function checkDirectory(name: string, path: string, variable: string): Check {
  try {
    if (name === 'runtime directory') {
      const directory = new JobDirectory(path);
      directory.open();
      directory.socketPath('00000000');
    } else mkdirSync(path, { recursive: true, mode: 0o700 });
    return { name, ok: true, detail: path };
  } catch (thrown) {
    return { name, ok: false, detail: (thrown as Error).message, fix: `set ${variable} to a directory that you can write` };
  }
}
