import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError } from '../../../src/core/index.js';
import { t } from '../../../src/memory/schema.js';
import { buildGraph, defineJob, isJobDefinition, param } from '../../../src/stream/index.js';
import { emptySink, emptySource } from './test-connectors.js';

test('a job is recognised by what defineJob made, not by its shape', () => {
  const job = defineJob({ name: 'job', build: () => undefined });
  assert.ok(isJobDefinition(job));
  assert.ok(!isJobDefinition({ ...job }));
  assert.equal(job.keyGroups, 128);
});

test('wrong job options are refused, all at once', () => {
  assert.throws(
    () => defineJob({ name: 'my job', keyGroups: 0, bild: 1, build: () => undefined } as never),
    (error: MillraceError) => {
      assert.equal(error.code, 'OPTION_INVALID');
      assert.match(error.message, /name: letters, digits/);
      assert.match(error.message, /keyGroups: /);
      assert.match(error.message, /unknown option bild/);
      return true;
    },
  );
});

test('build gets the checked parameters', () => {
  let seen: unknown;
  const job = defineJob({
    name: 'job',
    params: { workers: param(t.int32(), { default: 2 }), input: t.string() },
    build: ({ params, source }) => {
      const workers: number = params.workers;
      seen = [workers, params.input.toUpperCase()];
      source(emptySource({ n: t.int32() })).to(emptySink());
    },
  });
  buildGraph(job, { input: 'a', workers: '3' });
  assert.deepEqual(seen, [3, 'A']);
  assert.throws(() => buildGraph(job, {}), { code: 'PARAM_INVALID' });
});

test('an exception of build keeps its cause and the problems found before it', () => {
  const failure = new TypeError('x is undefined');
  const job = defineJob({
    name: 'job',
    build: ({ source }) => {
      source(emptySource({ n: t.int32() }), { passes: 0 });
      throw failure;
    },
  });
  assert.throws(
    () => buildGraph(job, {}),
    (error: MillraceError) => {
      assert.equal(error.code, 'GRAPH_INVALID');
      assert.equal(error.cause, failure);
      assert.match(error.message, /^job job: build\(\) threw: x is undefined\nbefore that:\n {2}list: passes: /);
      return true;
    },
  );
});

test('a Millrace error of build passes with its code', () => {
  const job = defineJob({
    name: 'job',
    build: () => {
      throw new MillraceError('FILE_NOT_FOUND', 'a.parquet: no such file');
    },
  });
  assert.throws(() => buildGraph(job, {}), { code: 'FILE_NOT_FOUND' });
});

test('an async build is a problem, and operators cannot be added after it', async () => {
  let later: (() => void) | undefined;
  const job = defineJob({
    name: 'job',
    build: (async ({ source }: { source: (connector: unknown) => void }) => {
      source(emptySource({ n: t.int32() }));
      await new Promise<void>((resolve) => {
        later = resolve;
      });
      source(emptySource({ n: t.int32() }));
    }) as never,
  });
  const graph = buildGraph(job, {});
  assert.match(graph.problems[0]?.message ?? '', /build\(\) is async/);
  later?.();
  await Promise.resolve();
  assert.equal(graph.nodes.length, 1);
});
