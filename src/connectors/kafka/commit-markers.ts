import { z } from 'zod';
import { MillraceError } from '../../core/errors.js';
import type { GroupOffsets, KafkaClient } from './client.js';

/** A start of a subtask, and the last cut of it whose output is in the topic. */
export interface Marker {
  readonly branch: string;
  readonly cut: number;
}

/** Starts that a marker remembers; the broker keeps 4096 bytes of it. */
const maxBranches = 32;

const stored = z.array(z.tuple([z.string(), z.number()]));

/**
 * What a lane of an exactly-once sink has committed: kept as the metadata of an offset that a private group commits in the
 * same transaction as the output, so that output and marker are there both or neither.
 *
 *     group <prefix>-<lane>, partition 0 of the topic: offset 0, metadata [["branch", cut], ...] oldest start first
 */
export class CommitMarkers {
  readonly #client: KafkaClient;
  readonly #topic: string;
  readonly #prefix: string;

  constructor(client: KafkaClient, topic: string, prefix: string) {
    this.#client = client;
    this.#topic = topic;
    this.#prefix = prefix;
  }

  /** @throws STATE_INVALID where the group is used for something else */
  async read(lane: number): Promise<readonly Marker[]> {
    const [found] = await this.#client.committedOffsets(this.#group(lane), [{ topic: this.#topic, partition: 0 }]);
    if (found === undefined) return [];
    try {
      return stored.parse(JSON.parse(found.metadata)).map(([branch, cut]) => ({ branch, cut }));
    } catch (thrown) {
      throw new MillraceError(
        'STATE_INVALID',
        `Kafka group ${this.#group(lane)}: its metadata is no marker of an exactly-once sink; choose another transactionPrefix`,
        {
          cause: thrown,
        },
      );
    }
  }

  /** What a transaction has to commit so that the lane's markers are `markers` with `marker` in place. */
  offsets(lane: number, markers: readonly Marker[], marker: Marker): GroupOffsets {
    const others = markers.filter(({ branch }) => branch !== marker.branch);
    const kept = [...others, marker].slice(-maxBranches);
    const metadata = JSON.stringify(kept.map(({ branch, cut }) => [branch, cut]));
    return { group: this.#group(lane), offsets: [{ topic: this.#topic, partition: 0, offset: 0, metadata }] };
  }

  /** Most lanes that the sink ever had, as far as Kafka remembers. */
  async readLaneCount(): Promise<number> {
    const [found] = await this.#client.committedOffsets(this.#prefix, [{ topic: this.#topic, partition: 0 }]);
    return found?.offset ?? 0;
  }

  async writeLaneCount(lanes: number): Promise<void> {
    await this.#client.commitOffsets(this.#prefix, [{ topic: this.#topic, partition: 0, offset: lanes, metadata: 'lanes of an exactly-once sink' }]);
  }

  transactionalId(lane: number): string {
    return this.#group(lane);
  }

  #group(lane: number): string {
    return `${this.#prefix}-${lane}`;
  }
}

/** The cut up to which `branch` has committed; undefined where nothing is known of it. */
export function committedCut(markers: readonly Marker[], branch: string): number | undefined {
  return markers.find((marker) => marker.branch === branch)?.cut;
}
