import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tlsProblem } from '../../../../src/engines/flink/tls-problem.js';

/** An error as Node.js gives it. */
function failed(code: string, message = '', more: object = {}): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code }, more);
}

for (const [what, error, reason, fix] of [
  ['a certificate that signed itself', failed('DEPTH_ZERO_SELF_SIGNED_CERT'), /signed by nobody who is trusted here \(DEPTH_ZERO_SELF_SIGNED_CERT\)/, /--ca/],
  ['an authority that is not known', failed('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), /signed by nobody who is trusted/, /--ca/],
  ['a certificate that has run out', failed('CERT_HAS_EXPIRED'), /out of date \(CERT_HAS_EXPIRED\)/, /clock/],
  [
    'a certificate for another name',
    failed('ERR_TLS_CERT_ALTNAME_INVALID', 'no', { reason: "IP: 10.0.0.7 is not in the cert's list: 10.0.0.1." }),
    /for another name \(IP: 10\.0\.0\.7 is not in the cert's list: 10\.0\.0\.1\)/,
    /an address that the certificate names/,
  ],
  [
    'a port without TLS',
    failed('EPROTO', 'write EPROTO 80:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:'),
    /does not speak TLS/,
    /http:\/\//,
  ],
  [
    'a server that wants a certificate',
    failed('EPROTO', 'error:0A000412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate:'),
    /refuses us/,
    /--cert and --key/,
  ],
  ['a server that wants a certificate, by TLS 1.3', failed('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'no'), /refuses us/, /--cert and --key/],
] as const)
  test(`${what}: the reason, and what helps`, () => {
    const problem = tlsProblem(error);
    assert.match(problem?.reason ?? '', reason);
    assert.match(problem?.fix ?? '', fix);
  });

test('a connection that fails otherwise has no problem with TLS', () => {
  for (const code of ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND']) assert.equal(tlsProblem(failed(code)), undefined);
});
