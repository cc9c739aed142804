import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decodeError, encodeError, errorCodes, fromSystemError, isMillraceError, MillraceError, type ErrorCode } from '../../../src/core/index.js';

const codes = Object.keys(errorCodes) as ErrorCode[];

test('docs/errors.md lists exactly the codes of the table, with their exit code, status and summary', () => {
  const page = readFileSync(new URL('../../../../docs/errors.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (\d+) \| ([A-Z_]+) \| (yes|no) \| (.*) \|$/gm)];
  const listed = new Map(rows.map(([, code, exit, grpc, retryable, summary]) => [code, { exit: Number(exit), grpc, retryable: retryable === 'yes', summary }]));
  assert.deepEqual([...listed.keys()].sort(), [...codes].sort());
  for (const code of codes) assert.deepEqual(listed.get(code), { ...errorCodes[code] }, code);
});

test('every error survives the wire with code, message, details and causes', () => {
  for (const code of codes) {
    const error = new MillraceError(code, `what: ${code}`, { details: { operator: 'map', value: 3 }, cause: new TypeError('inner') });
    const decoded = decodeError(JSON.parse(JSON.stringify(encodeError(error))) as ReturnType<typeof encodeError>);
    assert.equal(decoded.code, code);
    assert.equal(decoded.message, error.message);
    assert.equal(decoded.retryable, errorCodes[code].retryable);
    assert.deepEqual(decoded.details, error.details);
    assert.ok(isMillraceError(decoded.cause));
    assert.equal(decoded.cause.message, 'inner');
  }
});

test('a code that this version does not know arrives as INTERNAL', () => {
  const decoded = decodeError({ code: 'FROM_THE_FUTURE' as ErrorCode, message: 'm', details: {} });
  assert.equal(decoded.code, 'INTERNAL');
});

test('errors of the operating system get the code that names their fix', () => {
  const of = (errno: string): ErrorCode => fromSystemError(Object.assign(new Error(errno), { code: errno }), 'sink', 'out/x').code;
  assert.equal(of('ENOSPC'), 'DISK_FULL');
  assert.equal(of('ENOENT'), 'FILE_NOT_FOUND');
  assert.equal(of('EADDRINUSE'), 'PORT_IN_USE');
  assert.equal(of('EACCES'), 'IO_FAILED');
});

test('any thrown value becomes an error that keeps the original as its cause', () => {
  const error = MillraceError.from('text', 'USER_FUNCTION', 'map "x"');
  assert.equal(error.message, 'map "x": text');
  assert.equal(error.cause, 'text');
  assert.equal(MillraceError.from(error), error);
});
