import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromSystemError } from '../../core/index.js';
import type { ReadResult, SourceSubtask, SubtaskContext } from '../../stream/subtask.js';
import type { ModelFeed, ModelFeedFactory, ModelVersion } from '../../tensorflow/predictor.js';

/**
 * Writes the newest version of a model that trains to a directory, the final one at the end.
 *
 * ```
 * model.json    name, version, step, and a weights manifest as TensorFlow.js writes it
 * weights.bin   the variables in the manifest's order, float32, little endian
 * ```
 * Each file is replaced whole, weights first: a reader that takes model.json first always finds its bytes.
 */
export class ModelWriter implements SourceSubtask {
  readonly #model: string;
  readonly #versions: ModelFeedFactory;
  readonly #dir: string;
  #context!: SubtaskContext;
  #feed: ModelFeed | undefined;
  #waiting: ModelVersion | undefined;

  constructor({ model, versions, dir }: { readonly model: string; readonly versions: ModelFeedFactory; readonly dir: string }) {
    this.#model = model;
    this.#versions = versions;
    this.#dir = dir;
  }

  open(context: SubtaskContext): void {
    this.#context = context;
    // The manager comes up beside this subtask; waiting for it here would hold back the whole start.
    this.#versions.open(context).then((feed) => {
      this.#feed = feed;
      feed.onVersion((version) => {
        this.#waiting = version;
        context.wake();
      });
      if (context.signal.aborted) void feed.close();
    }, this.#failUnlessStopped);
  }

  async read(): Promise<ReadResult> {
    const version = this.#waiting;
    this.#waiting = undefined;
    if (version !== undefined) await this.#write(version);
    return version?.final === true ? { next: 'end' } : { next: 'wait', afterMs: 60_000 };
  }

  /** Training drains first and then publishes its final version: that ends this subtask too. */
  drain(): void {}

  async close(): Promise<void> {
    await this.#feed?.close();
  }

  readonly #failUnlessStopped = (thrown: unknown): void => {
    if (!this.#context.signal.aborted) this.#context.fail(thrown);
  };

  async #write({ version, step, weights, final }: ModelVersion): Promise<void> {
    const entries = Object.entries(weights);
    const bytes = Buffer.concat(entries.map(([, { data }]) => bytesOf(data as Float32Array)));
    const manifest = [{ paths: ['weights.bin'], weights: entries.map(([name, { shape, dtype }]) => ({ name, shape, dtype })) }];
    try {
      await mkdir(this.#dir, { recursive: true });
      await this.#replace('weights.bin', bytes);
      await this.#replace(
        'model.json',
        `${JSON.stringify({ format: 'millrace-weights', model: this.#model, version, step, final, weightsManifest: manifest }, null, 2)}\n`,
      );
    } catch (thrown) {
      throw fromSystemError(thrown, `model ${this.#model}: cannot write`, this.#dir);
    }
  }

  async #replace(name: string, content: Buffer | string): Promise<void> {
    const path = join(this.#dir, name);
    await writeFile(`${path}.tmp`, content);
    await rename(`${path}.tmp`, path);
  }
}

function bytesOf(data: Float32Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
