import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { writeFile } from 'node:fs/promises';
import { makeTlsFiles } from '../kafka/tls-files.js';

const run = promisify(execFile);

export interface FlinkTls {
  /** PEM of what signed the server's certificate: itself. */
  readonly caFile: string;
  /** PEM of a client's certificate and its key, which the server trusts. */
  readonly certFile: string;
  readonly keyFile: string;
  /** For a cluster that speaks TLS alone, to clients that show a certificate, and inside of it too. */
  readonly configuration: Readonly<Record<string, string>>;
}

/** Why there can be no certificate of a client; undefined where there can. keytool gives no private key away. */
export async function missingForFlinkTls(): Promise<string | undefined> {
  return run('openssl', ['version']).then(
    () => undefined,
    () => 'no certificate of a client here: openssl is missing',
  );
}

export async function makeFlinkTls(folder: string): Promise<FlinkTls> {
  // The ciphers that Flink allows by default want RSA.
  const { keystore, password, certificate } = await makeTlsFiles(folder, 'RSA');
  const [caFile, certFile, keyFile, truststore] = ['server.pem', 'client.pem', 'client.key', 'trusted.p12'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  await writeFile(caFile, certificate);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  await run('openssl', ['req', '-x509', ...key, '-subj', '/CN=client', '-days', '30', '-out', certFile]);
  for (const [alias, file] of [
    ['server', caFile],
    ['client', certFile],
  ] as const)
    await run('keytool', ['-importcert', '-noprompt', '-keystore', truststore, '-storepass', password, '-storetype', 'PKCS12', '-alias', alias, '-file', file]);
  const stores = (what: string): Record<string, string> => ({
    [`security.ssl.${what}.enabled`]: 'true',
    [`security.ssl.${what}.keystore`]: keystore,
    [`security.ssl.${what}.keystore-password`]: password,
    [`security.ssl.${what}.key-password`]: password,
    [`security.ssl.${what}.truststore`]: truststore,
    [`security.ssl.${what}.truststore-password`]: password,
  });
  return { caFile, certFile, keyFile, configuration: { ...stores('rest'), ...stores('internal'), 'security.ssl.rest.authentication-enabled': 'true' } };
}
