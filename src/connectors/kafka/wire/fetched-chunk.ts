import type { Fetched, TopicPartition } from '../client.js';
import { decodeBatch, isAbortMarker, readBatchHeader, type BatchHeader } from './record-set.js';
import type { AbortedTransaction } from './requests.js';

/**
 * The batches that one fetch brought of one partition, decoded one after the other as they are asked for.
 *
 * Of aborted transactions the broker says where each begins; it ends at the producer's abort marker. Batches in between
 * are passed over as a whole, as are control batches.
 */
export class FetchedChunk {
  readonly #memory: Buffer;
  readonly #aborted: readonly AbortedTransaction[];
  readonly #aborting = new Set<bigint>();
  #nextAborted = 0;
  #at = 0;

  constructor(
    readonly partition: TopicPartition,
    private readonly fromOffset: number,
    private readonly endOffset: number,
    memory: Buffer,
    aborted: readonly AbortedTransaction[],
  ) {
    this.#memory = memory;
    this.#aborted = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset);
  }

  get bytes(): number {
    return this.#memory.length;
  }

  /** The next batch; undefined at the end. @throws FORMAT_INVALID */
  next(): Fetched | undefined {
    const header = readBatchHeader(this.#memory, this.#at);
    if (header === undefined) return undefined;
    this.#at = header.end;
    const nextOffset = Math.max(header.lastOffset + 1, this.fromOffset);
    const records = this.#isDelivered(header) ? decodeBatch(this.#memory, header, this.fromOffset) : undefined;
    return { partition: this.partition, records: records === undefined || records.length === 0 ? undefined : records, nextOffset, endOffset: this.endOffset };
  }

  #isDelivered(header: BatchHeader): boolean {
    for (let next = this.#aborted[this.#nextAborted]; next !== undefined && next.firstOffset <= header.lastOffset; next = this.#aborted[++this.#nextAborted])
      this.#aborting.add(next.producerId);
    if (header.isControl) {
      if (this.#aborting.has(header.producerId) && isAbortMarker(this.#memory, header)) this.#aborting.delete(header.producerId);
      return false;
    }
    return !(header.isTransactional && this.#aborting.has(header.producerId));
  }
}
