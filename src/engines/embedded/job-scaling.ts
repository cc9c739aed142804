import { MillraceError, withDeadline } from '../../core/index.js';
import { planJob } from '../../stream/planner/index.js';
import { checkScale } from '../runtime/check-scale.js';
import { checkSlots } from './check-slots.js';
import { keptSubtasks } from './deployment.js';
import type { JobShape } from './job-deployer.js';
import type { JobParts } from './job-parts.js';

/** Gives an operator or a role another parallelism: a cut after which sources hold, then all of the job in its new shape from there. */
export async function scaleJob(job: JobParts, operatorOrRole: string, parallelism: number): Promise<void> {
  const { submission, options, life } = job;
  const { graph, keyGroups, parallelism: byDefault } = submission;
  const override = checkScale(graph, operatorOrRole, parallelism, keyGroups);
  if (life.state !== 'running') throw new MillraceError('CUT_FAILED', `job ${submission.name} is ${life.state}: only a running job can be scaled`);
  const overrides = { ...job.deployer.shape.overrides, ...override };
  const plan = planJob(graph, { parallelism: byDefault, keyGroups, overrides });
  checkSlots(plan, options.maxThreads);
  life.state = 'rescaling';
  try {
    await redeploy(job, { plan, overrides });
  } finally {
    rescaled(job);
  }
}

async function redeploy(job: JobParts, shape: JobShape): Promise<void> {
  const { deployer, regions } = job;
  const old = regions.handles;
  const { cut, state } = await job.checkpoints.take({ handles: old, plan: deployer.plan, stop: true });
  const kept = keptSubtasks(old, shape.plan);
  const leaving = old.filter((handle) => !kept.includes(handle));
  for (const handle of leaving) handle.post({ type: 'close' });
  const names = leaving.map(({ name }) => name).join(', ');
  const deadline = { ms: job.options.cancelTimeoutMs, what: `redeployment of job ${job.submission.name}: closing ${names}` };
  await job.unlessBroken(withDeadline(Promise.all(leaving.map((handle) => handle.whenClosed)), deadline)).catch((thrown: unknown) => {
    job.failures.all(MillraceError.from(thrown));
    throw thrown;
  });
  deployer.reshape(shape);
  // From here on the job has its new shape: an attempt that fails is a matter of its restart.
  await job.start(regions.all, { number: cut, state }, kept).catch((thrown: unknown) => {
    if (!regions.isRestarting) throw thrown;
  });
}

function rescaled({ life, regions, end }: JobParts): void {
  // Something may have ended it meanwhile.
  if (life.state !== 'rescaling') return;
  life.state = life.drainAsked ? 'draining' : 'running';
  if (life.drainAsked) regions.drain();
  end.finishIfAllEnded();
}
