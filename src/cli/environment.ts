import { homedir, tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import type { S3Options } from '../checkpoints/index.js';

/**
 * Everything that the command takes from the environment; no other module reads it.
 *
 * | variable                 | meaning                                                        | default                     |
 * |--------------------------|----------------------------------------------------------------|-----------------------------|
 * | MILLRACE_LIBTENSORFLOW   | directory of a TensorFlow library that is already there        | the one that setup fetched  |
 * | MILLRACE_CACHE_DIR       | where setup keeps the native library                           | $XDG_CACHE_HOME/millrace    |
 * | MILLRACE_RUNTIME_DIR     | sockets of running jobs                                        | $XDG_RUNTIME_DIR/millrace   |
 * | MILLRACE_STATE_DIR       | logs of jobs                                                   | $XDG_STATE_HOME/millrace    |
 * | MILLRACE_CHECKPOINT_DIR  | checkpoints of jobs: a directory                              | checkpoints in the state dir |
 * | AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL | for s3:// places | |
 * | NO_COLOR, FORCE_COLOR    | as everywhere                                                  |                             |
 */
export interface CliEnvironment {
  readonly libraryDir: string | undefined;
  readonly cacheDir: string;
  readonly runtimeDir: string;
  readonly stateDir: string;
  /** undefined: what the job says, or `checkpoints` in the state directory. */
  readonly checkpointDir: string | undefined;
  /** undefined where no access key is set. */
  readonly s3: S3Options | undefined;
}

export function readEnvironment(env: NodeJS.ProcessEnv = process.env): CliEnvironment {
  const given = (name: string): string | undefined => (env[name] === undefined || env[name] === '' ? undefined : env[name]);
  const under = (own: string, xdg: string, fallback: string): string => {
    const base = given(xdg);
    return resolve(given(own) ?? (base === undefined ? fallback : join(base, 'millrace')));
  };
  const library = given('MILLRACE_LIBTENSORFLOW');
  return {
    libraryDir: library === undefined ? undefined : resolve(library),
    cacheDir: under('MILLRACE_CACHE_DIR', 'XDG_CACHE_HOME', join(homedir(), '.cache', 'millrace')),
    // The user's id keeps two users apart where there is no runtime directory of their own.
    runtimeDir: under('MILLRACE_RUNTIME_DIR', 'XDG_RUNTIME_DIR', join(tmpdir(), `millrace-${userInfo().uid}`)),
    stateDir: under('MILLRACE_STATE_DIR', 'XDG_STATE_HOME', join(homedir(), '.local', 'state', 'millrace')),
    checkpointDir: given('MILLRACE_CHECKPOINT_DIR'),
    s3: s3Options(given),
  };
}

/** The variables that every tool for S3 reads. */
function s3Options(given: (name: string) => string | undefined): S3Options | undefined {
  const accessKeyId = given('AWS_ACCESS_KEY_ID');
  const secretAccessKey = given('AWS_SECRET_ACCESS_KEY');
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  const region = given('AWS_REGION') ?? given('AWS_DEFAULT_REGION') ?? 'us-east-1';
  const endpoint = given('AWS_ENDPOINT_URL_S3') ?? given('AWS_ENDPOINT_URL') ?? `https://s3.${region}.amazonaws.com`;
  return { endpoint, region, accessKeyId, secretAccessKey, sessionToken: given('AWS_SESSION_TOKEN') };
}
