import { z } from 'zod';
import { MillraceError } from '../../../core/errors.js';
import type { GraphDescription } from '../../../stream/planner/index.js';
import { protocolVersion } from './wire.js';

const count = z.int().min(0);

/** FlinkTask of the plan. */
const task = z.object({
  job: z.object({ name: z.string(), id: z.string() }),
  bundle: z.object({ hash: z.string(), source: z.string().optional() }),
  params: z.record(z.string(), z.unknown()),
  parallelism: z.int().min(1),
  keyGroups: z.int().min(1),
  overrides: z.record(z.string(), z.int()),
  fingerprint: z.string(),
  description: z.custom<GraphDescription>((value) => Array.isArray(value), 'must be a list'),
  options: z.object({ batchRows: z.int().min(1), flushIntervalMs: z.number().min(0) }),
  reports: z.object({ host: z.string(), port: z.int(), token: z.string() }).optional(),
});

const openRequest = z.object({
  protocol: z.int(),
  millrace: z.string(),
  task,
  /** The bundle as it was submitted, with tokens instead of the package's place. */
  bundle: z.object({ path: z.string(), hash: z.string() }),
  vertex: count,
  index: count,
  parallelism: z.int().min(1),
  attempt: count,
  /** Lease epoch: higher than that of every predecessor, whatever job of Flink it was in. */
  epoch: count,
  /** A failed subtask is replaced alone: Java keeps what was not acknowledged. */
  replaceable: z.boolean(),
  /** Where this one replaces another. */
  succeeds: z
    .object({
      /** The last barrier in front of what it is given; 0 for none. */
      barrier: count,
      /** Frames of DATA that its predecessors have acknowledged. */
      frames: count,
      /** Predecessors in this attempt. */
      restarts: count,
    })
    .optional(),
  /** Checkpoint that the task continues from; -1 for none. */
  restoredId: z.number(),
  inputs: z.array(z.object({ edge: count, channels: count })),
  /** `named`: number of the newest batch for each target that predecessors have sent, 0 for none. */
  outputs: z.array(z.object({ edge: count, targets: count, named: z.array(count).optional() })),
  /** Address under which other machines find this TaskManager. */
  host: z.string().optional(),
});

/** Payload of OPEN: the job, and the place of one subtask in it. Fields that are not known are left alone. */
export type OpenRequest = z.output<typeof openRequest>;

/**
 * @param version of this package
 * @throws VERSION_MISMATCH where the job was submitted by another version, or the bridge speaks otherwise
 * @throws PROTOCOL naming the fields that are missing or wrong
 */
export function parseOpenRequest(text: string, version: string): OpenRequest {
  const json = parse(text);
  const { protocol, millrace } = json as { protocol?: unknown; millrace?: unknown };
  if (millrace !== version || protocol !== protocolVersion) {
    const [theirs, ours] =
      millrace === version
        ? [`a bridge of protocol ${String(protocol)}`, `protocol ${protocolVersion}`]
        : [`millrace ${String(millrace)}`, `millrace ${version}`];
    throw new MillraceError(
      'VERSION_MISMATCH',
      `the job was submitted by ${theirs}, the package on this TaskManager is ${ours}: install the same version on both (MILLRACE_HOME names the package's folder)`,
      { details: { wanted: { millrace, protocol }, found: { millrace: version, protocol: protocolVersion } } },
    );
  }
  const parsed = openRequest.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new MillraceError('PROTOCOL', `Flink sent an OPEN that is not one: ${problems.join('; ')}`, { details: { problems } });
}

function parse(text: string): object {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null) return json;
  } catch {
    // Said below.
  }
  throw new MillraceError('PROTOCOL', 'Flink sent an OPEN that is not a JSON object');
}
