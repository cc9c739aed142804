import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deferred, type Deferred } from '../../../src/core/lifecycle.js';
import { RunQueue } from '../../../src/inference/run-queue.js';

function setUp(ordered: boolean, limit = 8) {
  const out: string[] = [];
  const failures: unknown[] = [];
  const queue = new RunQueue({ limit, ordered, emitWatermark: (watermark) => out.push(`w${watermark}`) });
  const start = (): Deferred<string> => {
    const run = deferred<string>();
    queue.start(
      () => run.promise,
      (result) => out.push(result),
      (error) => failures.push(error),
    );
    return run;
  };
  return { out, failures, queue, start };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a run queue', () => {
  it('delivers in order, whatever ends first', async () => {
    const { out, queue, start } = setUp(true);
    const [a, b] = [start(), start()];
    queue.watermark(5);
    b.resolve('b');
    await settled();
    assert.deepEqual(out, []);
    a.resolve('a');
    await queue.whenEmpty();
    assert.deepEqual(out, ['a', 'b', 'w5']);
  });

  it('lets runs overtake each other where order does not matter, but none a watermark', async () => {
    const { out, queue, start } = setUp(false);
    const [a, b] = [start(), start()];
    queue.watermark(5);
    const c = start();
    c.resolve('c');
    b.resolve('b');
    await settled();
    assert.deepEqual(out, ['b']);
    a.resolve('a');
    await queue.whenEmpty();
    assert.deepEqual(out, ['b', 'a', 'w5', 'c']);
  });

  it('makes the next run wait while the limit is reached', async () => {
    const { queue, start } = setUp(true, 2);
    const [a, b] = [start(), start()];
    let isFree = false;
    const free = queue.whenFree().then(() => {
      isFree = true;
    });
    await settled();
    assert.equal(isFree, false);
    a.resolve('a');
    await free;
    b.resolve('b');
    await queue.whenStill();
  });

  it('reports the first failure once and delivers nothing after it', async () => {
    const { out, failures, queue, start } = setUp(true);
    const [a, b] = [start(), start()];
    a.reject(new Error('broken'));
    b.resolve('b');
    await queue.whenStill();
    assert.equal(failures.length, 1);
    assert.deepEqual(out, []);
    await assert.rejects(queue.whenEmpty(), /broken/);
    await assert.rejects(queue.whenFree(), /broken/);
  });
});
