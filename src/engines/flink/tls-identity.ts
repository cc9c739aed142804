import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { fromSystemError, MillraceError } from '../../core/errors.js';
import type { TlsIdentity } from './http-call.js';

export interface TlsFiles {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** Reads the files of a connection by TLS. @throws FILE_NOT_FOUND, IO_FAILED; OPTION_INVALID for a file that is not PEM, and a key of another certificate */
export function readTlsFiles({ caFile, certFile, keyFile }: TlsFiles): TlsIdentity {
  const identity = { ...read('ca', caFile), ...read('cert', certFile), ...read('key', keyFile) };
  try {
    createSecureContext(identity);
  } catch (thrown) {
    throw new MillraceError('OPTION_INVALID', `flink engine: certFile ${certFile} and keyFile ${keyFile} do not make a pair: ${(thrown as Error).message}`, {
      details: { certFile, keyFile },
      cause: thrown,
    });
  }
  return identity;
}

function read(name: 'ca' | 'cert' | 'key', path: string | undefined): TlsIdentity {
  if (path === undefined) return {};
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    throw fromSystemError(thrown, `flink engine: ${name}File`, path);
  }
  // OpenSSL trusts nobody, and says nothing, where it finds no certificate in a file of authorities.
  const wanted = name === 'key' ? 'PRIVATE KEY' : 'CERTIFICATE';
  if (!text.includes(`${wanted}-----`))
    throw new MillraceError('OPTION_INVALID', `flink engine: ${name}File ${path} has no ${wanted} in PEM`, { details: { [`${name}File`]: path } });
  return { [name]: text };
}
