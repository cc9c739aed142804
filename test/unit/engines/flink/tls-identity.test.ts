import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { after, test } from 'node:test';
import { resolveFlinkEngineOptions } from '../../../../src/engines/flink/options.js';
import { readTlsFiles } from '../../../../src/engines/flink/tls-identity.js';

const folder = mkdtempSync(join(tmpdir(), 'millrace-tls-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

const certificate = rootCertificates[0] as string;
const options = { address: 'https://flink:8081', jar: '/bridge.jar' };

test('authorities are read from their file', () => {
  assert.deepEqual(readTlsFiles({ caFile: file('ca.pem', certificate) }), { ca: certificate });
  assert.deepEqual(readTlsFiles({}), {});
});

test('a file that is not there, and one that is not PEM, is named', () => {
  assert.throws(() => readTlsFiles({ caFile: join(folder, 'nowhere.pem') }), { code: 'FILE_NOT_FOUND', message: /caFile.*nowhere\.pem/ });
  assert.throws(() => readTlsFiles({ caFile: file('ca.der', 'binary') }), { code: 'OPTION_INVALID', message: /caFile .*ca\.der has no CERTIFICATE in PEM/ });
});

test('a certificate whose key is not one is refused with both files', () => {
  const keyFile = file('own.key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n');
  const certFile = file('own.pem', certificate);
  assert.throws(() => readTlsFiles({ certFile, keyFile }), { code: 'OPTION_INVALID', message: /own\.pem and .*own\.key do not make a pair/ });
});

test('files of TLS want an address with https, and a certificate its key', () => {
  assert.equal(resolveFlinkEngineOptions({ ...options, caFile: 'ca.pem' }).caFile, 'ca.pem');
  const refused = (more: object, message: RegExp) =>
    assert.throws(() => resolveFlinkEngineOptions({ ...options, ...more }), { code: 'OPTION_INVALID', message });
  refused({ address: 'http://flink:8081', caFile: 'ca.pem' }, /caFile: is for TLS, so the address must begin with https:/);
  refused({ certFile: 'own.pem' }, /keyFile: is missing/);
  refused({ keyFile: 'own.key' }, /certFile: is missing/);
});
