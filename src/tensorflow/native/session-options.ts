import { z } from 'zod';
import { resolveOptions } from '../../core/index.js';
import { ConfigProto } from '../saved-model/generated/tensorflow.js';

const threadCount = z.number().int().min(1).max(1024);

/** Sizes of TensorFlow's thread pools. */
export const threadOptionsSchema = z.strictObject({
  /** Threads inside one operation, by default as many as the machine has cores. They are the process's; the first session to open sets them. */
  intraOp: threadCount.optional(),
  /** Operations at once: gives the session a pool of its own. Default: a call runs them one after the other on one thread. */
  interOp: threadCount.optional(),
});

export type SessionThreads = z.input<typeof threadOptionsSchema>;

export const savedModelOptionsSchema = z.strictObject({
  /** Which meta graph of the SavedModel; all tags must match. */
  tags: z.array(z.string().min(1)).min(1).default(['serve']),
  /**
   * One session, and so one copy of the weights, for all threads of the process that open the same files with the same
   * tags and threads. A graph that changes its variables changes them for all.
   */
  shared: z.boolean().default(true),
  threads: threadOptionsSchema.default({}),
});

export type SavedModelOptions = z.input<typeof savedModelOptionsSchema>;
export type ResolvedSavedModelOptions = Readonly<z.output<typeof savedModelOptionsSchema>>;

export function resolveSavedModelOptions(options: SavedModelOptions | undefined, where: string): ResolvedSavedModelOptions {
  return resolveOptions(savedModelOptionsSchema, options, where);
}

export const graphOptionsSchema = z.strictObject({
  /** Nodes to run once before the session is handed out, in order: what initialises its variables. */
  init: z.array(z.string().min(1)).default([]),
  threads: threadOptionsSchema.default({}),
});

export type GraphSessionOptions = z.input<typeof graphOptionsSchema>;

/** The bytes of the ConfigProto, empty for TensorFlow's defaults. */
export function configProto({ intraOp, interOp }: SessionThreads): Uint8Array {
  return ConfigProto.encode({
    intraOpParallelismThreads: intraOp ?? 0,
    interOpParallelismThreads: interOp ?? 0,
    usePerSessionThreads: interOp !== undefined,
  }).finish();
}
