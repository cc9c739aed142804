import { BroadcastChannel } from 'node:worker_threads';
import { discard, generator } from '../../../../src/connectors/index.js';
import { addAMRole, addPSRole, addRole, defineCluster, type NodeEntry, type Weights } from '../../../../src/ml-framework/index.js';
import { clusterPlan } from '../../../../src/ml-framework/cluster/cluster-plan.js';
import { provideRoles, rolePart, type RoleParts } from '../../../../src/ml-framework/node/role-registry.js';
import type { RoleService } from '../../../../src/ml-framework/node/role-service.js';
import { t } from '../../../../src/memory/schema.js';
import '../../../../src/roles/index.js';
import { defineJob } from '../../../../src/stream/job.js';
import type { VariableSpec } from '../../../../src/tensorflow/model/trainable.js';

/** What goes wrong in the job below. */
export type Failure = 'entryThrows' | 'nodeSilent' | 'nodeMissing' | 'psThread' | 'psServer' | 'amThread' | 'amServer';

const channel = 'millrace-test-learning';

/** Runs `then` on this thread when a worker of the job has begun to learn. */
function whenLearning(then: () => void): void {
  const learning = new BroadcastChannel(channel);
  learning.unref();
  learning.onmessage = () => {
    learning.close();
    then();
  };
}

/** A role that dies in the middle of the work: with its thread, or only its server. */
function mortal<A extends readonly unknown[]>(create: (...args: A) => Promise<RoleService>, dies: 'thread' | 'server'): (...args: A) => Promise<RoleService> {
  return async (...args) => {
    const service = await create(...args);
    whenLearning(() => (dies === 'thread' ? process.exit(3) : void service.close()));
    return service;
  };
}

function rolesThat(failure: Failure): RoleParts {
  const [createAm, createPs, createLocalShard, trainingEntry] = [
    rolePart('createAm'),
    rolePart('createPs'),
    rolePart('createLocalShard'),
    rolePart('trainingEntry'),
  ];
  const dies = failure.endsWith('Thread') ? 'thread' : 'server';
  return {
    createAm: failure.startsWith('am') ? mortal(createAm, dies) : createAm,
    createPs: failure.startsWith('ps') ? mortal(createPs, dies) : createPs,
    createLocalShard,
    trainingEntry,
  };
}

const variables: readonly VariableSpec[] = [{ name: 'w', shape: [4], dtype: 'float32', trainable: true }];
const ones = (): Weights => ({ w: { dtype: 'float32', shape: [4], data: new Float32Array(4).fill(1) } });

function entryOf(failure: Failure): NodeEntry<{ n: number }, never> {
  return async (ctx) => {
    const parameters = await ctx.parameters.open(variables, ones, { kind: 'sgd', learningRate: 0.1 });
    let batches = 0;
    for await (const batch of ctx.input) {
      await parameters.pull();
      await parameters.push(ones(), { examples: batch.length });
      if (++batches !== 3) continue;
      const learning = new BroadcastChannel(channel);
      learning.postMessage('learning');
      learning.close();
      if (ctx.index === 1 && failure === 'entryThrows') throw new RangeError('the third batch is too much');
      // A thread that neither computes nor answers.
      if (ctx.index === 1 && failure === 'nodeSilent') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
    }
  };
}

/** Two workers and a parameter server around a stream that has no end, and one thing that goes wrong. */
export default defineJob({
  name: 'failing',
  params: { failure: t.string() },
  build: ({ env, params, source }) => {
    const failure = params.failure as Failure;
    provideRoles(rolesThat(failure));
    const isMissing = failure === 'nodeMissing';
    const cluster = defineCluster({
      name: 'fragile',
      roles: { worker: 2, ps: 1, ...(isMissing ? { chief: 1 } : {}) },
      mode: 'asp',
      heartbeatInterval: 100,
      // Those that live and are not missing come in time on a busy machine, too.
      heartbeatTimeout: 8_000,
      registrationDeadline: isMissing ? 15_000 : 30_000,
    });
    const numbers = source(generator({ schema: { n: t.int32() }, rowsPerSecond: 2_000, make: (n: number) => ({ n }) }), { batchRows: 8 });
    addAMRole(env, cluster);
    const workers = addRole(env, cluster, 'worker', { input: numbers, entry: entryOf(failure) });
    addPSRole(workers, cluster, { kind: 'sgd', learningRate: 0.1 });
    workers.to(discard());
    if (!isMissing) return;
    // A node that opens and does nothing.
    const id = env.scope.builder.add(
      {
        kind: 'role',
        name: 'fragile chief',
        parallelism: 1,
        schema: undefined,
        startsChain: true,
        boundedness: 'bounded',
        create: () => ({ open: () => undefined, read: () => ({ next: 'wait', afterMs: 1_000 }) }),
      },
      [],
    );
    clusterPlan(env.scope, cluster).assign('chief', env.scope.builder.node(id).uid);
  },
});
