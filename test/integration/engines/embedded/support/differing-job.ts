import { isMainThread } from 'node:worker_threads';
import { defineJob } from '../../../../../src/stream/job.js';
import { Numbers, Pass, Reporter } from './subtasks.js';

/** Builds another graph on a thread than in the main one. */
export default defineJob({
  name: 'differing',
  build: ({ env }) => {
    env
      .add({ kind: 'source', name: 'numbers', schema: undefined, create: () => new Numbers({ count: 10, splits: 1, batchRows: 10, keys: 1 }) })
      .transform({ kind: 'map', name: 'middle', schema: undefined, notes: isMainThread ? ['main'] : ['thread'], create: () => new Pass() })
      .transform({ kind: 'sink', name: 'sink', schema: undefined, create: () => new Reporter() });
  },
});
