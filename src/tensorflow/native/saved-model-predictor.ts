import { z } from 'zod';
import { resolveOptions } from '../../core/index.js';
import type { Predictor } from '../predictor.js';
import { readSignature, savedModelIdentity, type BoundSignature } from '../saved-model/read-saved-model.js';
import type { Signature, TensorValue } from '../tensor-value.js';
import { fixedBatchOf, joinBatches, openBatch, rowsOf, sliceBatch, zeroBatch } from './batch-padding.js';
import { NativeSession } from './session.js';
import { savedModelOptionsSchema } from './session-options.js';
import { checkFeeds } from './signature-check.js';

const optionsSchema = savedModelOptionsSchema.extend({
  /** Which callable of the SavedModel. */
  signature: z.string().min(1).default('serving_default'),
});

export type SavedModelPredictorOptions = z.input<typeof optionsSchema>;

type Values = Readonly<Record<string, TensorValue>>;

/**
 * Opens one signature of a SavedModel for scoring.
 *
 * Threads that open the same files share one session and one copy of the weights, unless `shared` is false. A signature
 * whose inputs are fixed to one batch size takes any number of rows all the same: it is run batch by batch, the last one
 * padded.
 *
 * @throws FILE_NOT_FOUND, FORMAT_INVALID, MODEL_INVALID (tags or signature that are not there), OPTION_INVALID,
 *   SETUP_NEEDED, UNSUPPORTED (sparse inputs)
 */
export async function openSavedModelPredictor(dir: string, options?: SavedModelPredictorOptions): Promise<Predictor> {
  const { signature, ...sessionOptions } = resolveOptions(optionsSchema, options, `SavedModel ${dir}`);
  const identity = await savedModelIdentity(dir);
  const bound = await readSignature(identity.dir, { tags: sessionOptions.tags, signature });
  const session = await NativeSession.openSavedModel(dir, sessionOptions);
  return new SavedModelPredictor(session, bound, `SavedModel ${dir}, signature "${signature}"`);
}

class SavedModelPredictor implements Predictor {
  /** As callers see it: with an open first dimension where the model's is fixed. */
  readonly signature: Signature;
  readonly #session: NativeSession;
  readonly #bound: BoundSignature;
  readonly #fixedBatch: number | undefined;
  readonly #where: string;

  constructor(session: NativeSession, bound: BoundSignature, where: string) {
    this.#session = session;
    this.#bound = bound;
    this.#where = where;
    this.#fixedBatch = fixedBatchOf(bound.signature);
    this.signature = this.#fixedBatch === undefined ? bound.signature : openBatch(bound.signature, this.#fixedBatch);
  }

  async run(feeds: Values): Promise<Values> {
    checkFeeds(this.signature, feeds, this.#where);
    const batch = this.#fixedBatch;
    if (batch === undefined) return this.#call(feeds);
    const rows = rowsOf(feeds, this.#where);
    if (rows === batch) return this.#call(feeds);
    // No rows: what the outputs look like, only a run can tell.
    if (rows === 0) return joinBatches([await this.#call(zeroBatch(this.#bound.signature))], batch, 0, this.#where);
    const parts: Values[] = [];
    for (let from = 0; from < rows; from += batch) parts.push(await this.#call(sliceBatch(feeds, from, batch)));
    return joinBatches(parts, batch, rows, this.#where);
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  async #call(feeds: Values): Promise<Values> {
    const { inputTensors, outputTensors } = this.#bound;
    const byTensor = Object.fromEntries(Object.entries(feeds).map(([name, value]) => [inputTensors.get(name) as string, value]));
    const results = await this.#session.run(byTensor, [...outputTensors.values()]);
    return Object.fromEntries([...outputTensors].map(([name, tensor]) => [name, results[tensor] as TensorValue]));
  }
}
