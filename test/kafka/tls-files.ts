import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface TlsFiles {
  /** Path of a PKCS12 keystore. */
  readonly keystore: string;
  readonly password: string;
  /** PEM of its self-signed certificate, for clients to trust. */
  readonly certificate: string;
}

/** A self-signed certificate for localhost, made by Java's own keytool. */
export async function makeTlsFiles(folder: string, keyAlgorithm: 'EC' | 'RSA' = 'EC'): Promise<TlsFiles> {
  const keystore = join(folder, 'keystore.p12');
  const password = 'millrace-test';
  const store = ['-keystore', keystore, '-storepass', password, '-storetype', 'PKCS12', '-alias', 'broker'];
  await run('keytool', [
    '-genkeypair',
    ...store,
    '-keyalg',
    keyAlgorithm,
    '-dname',
    'CN=localhost',
    '-ext',
    'san=dns:localhost,ip:127.0.0.1',
    '-validity',
    '30',
  ]);
  const { stdout } = await run('keytool', ['-exportcert', '-rfc', ...store]);
  return { keystore, password, certificate: stdout };
}
