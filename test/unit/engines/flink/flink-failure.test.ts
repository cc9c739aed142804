import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeError, MillraceError } from '../../../../src/core/index.js';
import { failureOf, refusalOf, rootCause } from '../../../../src/engines/flink/flink-failure.js';
import { firstOf } from '../../../../src/engines/flink/job-failure.js';

/** As the bridge writes one. */
function marked(error: MillraceError, around = 'org.apache.flink.util.FlinkException'): string {
  return `${around}: [${error.code}] ${error.message}\nMILLRACE ${JSON.stringify(encodeError(error))}\n\tat millrace.flink.Failures.of(Failures.java:40)\n\tat java.base/java.lang.Thread.run(Thread.java:840)\n`;
}

test('an error of ours comes out of the text of an exception as it went in', () => {
  const error = new MillraceError('USER_FUNCTION', "score (1/2): division by zero in 'rate'", {
    details: { operator: 'score', row: 7 },
    cause: new TypeError('x is 0'),
  });
  const stack = `org.apache.flink.runtime.execution.SuppressRestartsException: Unrecoverable failure.\n\tat a.B.c(B.java:1)\nCaused by: ${marked(error)}`;
  const found = failureOf(stack, 'task');
  assert.equal(found.code, 'USER_FUNCTION');
  assert.equal(found.message, error.message);
  assert.deepEqual(found.details, { operator: 'score', row: 7 });
  assert.match((found.cause as Error).message, /x is 0/);
});

test('the mark in a line of text is not one', () => {
  assert.equal(failureOf('a.B: MILLRACE {not json}\n\tat x', 'task').code, 'FLINK');
});

test('a code of ours without the rest is a code still', () => {
  const { code, message } = failureOf('millrace.flink.Plan$PlanException: [FORMAT_INVALID] millrace/plan.json: job.name is missing\n\tat x.Y', 'run');
  assert.equal(code, 'FORMAT_INVALID');
  assert.equal(message, 'millrace/plan.json: job.name is missing');
});

test('the innermost cause of a stack trace, its message on several lines', () => {
  const stack =
    'a.b.Outer: first\n\tat a.B.c(D.java)\n\t... 3 more\nCaused by: a.b.Middle\n\tat x\nCaused by: a.b.Inner$Deep: line one\nline two\n\tat y\n\tSuppressed: a.b.Other: no\n';
  assert.deepEqual(rootCause(stack), { name: 'Deep', message: 'line one line two' });
  assert.deepEqual(rootCause('just text'), { name: '', message: 'just text' });
});

for (const [what, stack, code, text] of [
  [
    'too few slots',
    'org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy\n\tat x\nCaused by: org.apache.flink.runtime.jobmanager.scheduler.NoResourceAvailableException: Could not acquire the minimum required resources.\n\tat y',
    'RESOURCE_EXHAUSTED',
    /too few free slots/,
  ],
  [
    'a lost TaskManager',
    'java.util.concurrent.TimeoutException: The heartbeat of TaskManager with id tm1 timed out.\n\tat x',
    'NODE_LOST',
    /heartbeat of TaskManager with id tm1 timed out/,
  ],
  [
    'a lost connection',
    "org.apache.flink.runtime.io.network.netty.exception.RemoteTransportException: Connection unexpectedly closed by remote task manager '127.0.0.1:1'.\n\tat x",
    'NODE_LOST',
    /Connection unexpectedly closed/,
  ],
  [
    'an old Java',
    'a.B: x\n\tat x\nCaused by: java.lang.UnsupportedClassVersionError: millrace/flink/MillraceJob has been compiled by a more recent version\n\tat y',
    'UNSUPPORTED',
    /older Java.*17/,
  ],
  [
    'a JobManager that has just started',
    'org.apache.flink.runtime.dispatcher.UnavailableDispatcherOperationException: Unable to get JobMasterGateway for initializing job.\n\tat x',
    'UNAVAILABLE',
    /Unable to get JobMasterGateway/,
  ],
  ['anything else of Flink', 'java.lang.IllegalArgumentException: Bad\n\tat x', 'FLINK', /^task: IllegalArgumentException: Bad$/],
] as const)
  test(`${what} has a code and a message of its own`, () => {
    const error = failureOf(stack, 'task');
    assert.equal(error.code, code);
    assert.match(error.message, text);
  });

test('of what failed at once, the cause counts and not the echo', () => {
  const echo = new MillraceError('UNAVAILABLE', 'worker (1/2): the parameter server has gone');
  const cause = new MillraceError('USER_FUNCTION', 'ps (1/1): it threw');
  const found = firstOf(
    [
      { stacktrace: marked(echo), timestamp: 1_000, taskName: 'worker (1/2)' },
      { stacktrace: marked(cause), timestamp: 1_005, taskName: 'ps (1/1)' },
    ],
    'job',
  );
  assert.equal(found.code, 'USER_FUNCTION');
});

test('a refusal of REST names the call and the root cause', () => {
  const body = JSON.stringify({
    errors: [
      'Internal server error.',
      '<Exception on server side:\norg.apache.flink.RestHandlerException: Could not run\n\tat x\nCaused by: java.lang.IllegalStateException: Failed to rollback to checkpoint/savepoint file:/s. Cannot map\n\tat y\n\nEnd of exception on server side>',
    ],
  });
  const error = refusalOf(500, body, 'Flink at x: POST /jars/a/run');
  assert.equal(error.code, 'STATE_MISMATCH');
  assert.match(error.message, /^Flink at x: POST \/jars\/a\/run: IllegalStateException: Failed to rollback to checkpoint\/savepoint file:\/s\. Cannot map$/);
});
