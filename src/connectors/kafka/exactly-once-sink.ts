import { randomBytes } from 'node:crypto';
import { MillraceError } from '../../core/errors.js';
import { unlessAborted, withDeadline } from '../../core/lifecycle.js';
import type { Counter, Gauge, Histogram } from '../../core/metrics.js';
import type { RecordBatch } from '../../memory/batch.js';
import type { Schema } from '../../memory/schema.js';
import { finalCut, type Snapshot, type StateChunk, type Subtask, type SubtaskContext } from '../../stream/subtask.js';
import { decodeChunk, encodeChunk } from '../state-chunk.js';
import type { KafkaClient, KafkaTransactions, OutRecord } from './client.js';
import { committedCut, CommitMarkers, type Marker } from './commit-markers.js';
import type { ResolvedKafkaSink } from './kafka-sink.js';
import type { Connect } from './options.js';
import { PendingOutput, readPending } from './pending-output.js';
import { RecordMaker, type RecordMapping } from './record-maker.js';

/** Output of one cut. */
interface Segment {
  readonly cut: number;
  readonly topic: string;
  readonly bytes: Uint8Array;
}

/** What a cut holds of one subtask: one chunk, for its segments belong to one lane. */
interface LaneState {
  readonly lane: number;
  readonly branch: string;
  /** Lanes that the sink had. */
  readonly lanes: number;
  readonly segments: readonly Segment[];
}

const stateVersion = 1;
const boardTimeoutMs = 60_000;
const closeTimeoutMs = 5000;
/** Kafka forgets markers and transactional ids that are not used for a week. */
const markerEveryMs = 24 * 3_600_000;

/**
 * Output waits until the cut that holds it is complete, and is then written in one transaction together with a marker that
 * names the cut. So whatever happens, a restore finds out whether the output in its state is in the topic.
 *
 * ```
 *  process ─► pending ─ freeze(n) ─► segment n (in the cut) ─ complete(n) ─► transaction: records + marker (branch, n)
 *
 *  open     1  lanes = most subtasks the sink ever had; subtask i takes over the ids of lanes i, i + p, i + 2p, ...
 *              InitProducerId settles what a predecessor left open, and fences it
 *           2  the lane's marker learns this start (a branch); the board learns that the lane is settled
 *           3  restored segments: once their lane is settled, those that its marker does not name are written
 * ```
 * A branch is one start of one subtask: cuts are compared within it, so a state that is restored twice, or an older one, is
 * told apart from its successors.
 */
export class ExactlyOnceSink implements Subtask {
  readonly #connect: Connect;
  readonly #options: ResolvedKafkaSink;
  readonly #schema: Schema | undefined;
  readonly #branch = randomBytes(6).toString('base64url');
  #context!: SubtaskContext;
  #client: KafkaClient | undefined;
  #transactions!: KafkaTransactions;
  #markers!: CommitMarkers;
  #maker!: RecordMaker;
  #lanes = 0;
  #pending = new PendingOutput();
  #segments: (Segment & { readonly count: number })[] = [];
  #segmentBytes = 0;
  #committing: Promise<void> | undefined;
  #markedAt = 0;
  #isClosed = false;
  #committed!: Counter;
  #waiting!: Gauge;
  #seconds!: Histogram;

  constructor(connect: Connect, options: ResolvedKafkaSink, schema: Schema | undefined) {
    this.#connect = connect;
    this.#options = options;
    this.#schema = schema;
  }

  async open(context: SubtaskContext, restored: readonly StateChunk[]): Promise<void> {
    const { topic, transactionPrefix } = this.#options;
    this.#context = context;
    this.#committed = context.metrics.counter('kafka_records_committed_total', 'Records in committed transactions.');
    this.#waiting = context.metrics.gauge('kafka_pending_bytes', 'Bytes of records that wait for their cut.');
    this.#seconds = context.metrics.histogram('kafka_commit_seconds', 'Time of a transaction.', [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30]);
    const log = (message: string): void => context.log.debug(`kafka: ${message}`);
    const client = await this.#connect({ connection: this.#options, readCommitted: true, isRestored: context.isRestored, log });
    this.#client = client;
    const partitions = (await client.partitionCounts([topic])).get(topic) as number;
    this.#maker = new RecordMaker(this.#options as RecordMapping, this.#schema, { topic, partitions, operator: context.operator.name, index: context.index });
    this.#markers = new CommitMarkers(client, topic, transactionPrefix ?? `millrace-${context.job.name}-${context.operator.uid}`);
    const states = restored.map((chunk) => decodeChunk(stateVersion, chunk, context.operator.name) as LaneState);
    await this.#takeOver(states);
    for (const state of states) await this.#settle(state);
  }

  process(batch: RecordBatch): void | Promise<void> {
    for (const record of this.#maker.make(batch, this.#context.clock.now())) this.#pending.add(record);
    this.#waiting.set(this.#waitingBytes);
    if (this.#waitingBytes > this.#options.maxPendingBytes) return this.#untilRoom();
  }

  freeze(cut: number): Snapshot {
    if (this.#pending.count > 0) {
      const { bytes, count } = this.#pending;
      this.#segments.push({ cut, topic: this.#options.topic, bytes, count });
      this.#segmentBytes += bytes.byteLength;
      this.#pending = new PendingOutput();
    }
    const segments = this.#segments.map(({ cut: of, topic, bytes }) => ({ cut: of, topic, bytes }));
    const state: LaneState = { lane: this.#context.index, branch: this.#branch, lanes: this.#lanes, segments };
    return { parts: () => [encodeChunk(stateVersion, state)] };
  }

  /** Commits behind the stream's back, except at its end. */
  complete(cut: number): void | Promise<void> {
    const before = this.#committing ?? Promise.resolve();
    const commit = before.then(() => this.#commit(cut));
    this.#committing = commit;
    commit.then(
      () => {
        if (this.#committing === commit) this.#committing = undefined;
      },
      (thrown: unknown) => {
        // Cut short by close(): the output is in the last cut, or the job is over.
        if (!this.#isClosed) this.#context.fail(thrown);
      },
    );
    if (cut === finalCut) return commit;
  }

  async close(drained: boolean): Promise<void> {
    try {
      // An engine without a final cut ends here; with one, nothing is left.
      if (drained && (this.#segments.length > 0 || this.#pending.count > 0)) {
        this.freeze(finalCut);
        await this.complete(finalCut);
      }
      // Cut short, a transaction would hold up consumers until the next start.
      const running = this.#committing?.catch(() => undefined);
      if (running !== undefined) await withDeadline(running, { ms: closeTimeoutMs, what: 'commit at the end' }).catch(() => undefined);
    } finally {
      this.#isClosed = true;
      await this.#client?.close();
      await this.#committing?.catch(() => undefined);
    }
  }

  get #waitingBytes(): number {
    return this.#pending.byteLength + this.#segmentBytes;
  }

  /**
   * Holds the stream back while a transaction is under way, which a slow broker or one out of reach may be for long. Without
   * one only a cut makes room, and its barrier is behind the records that the stream brings: waiting would never end.
   *
   * @throws RESOURCE_EXHAUSTED
   */
  async #untilRoom(): Promise<void> {
    const { maxPendingBytes } = this.#options;
    const { signal, operator } = this.#context;
    while (this.#waitingBytes > maxPendingBytes && !signal.aborted) {
      if (this.#committing === undefined) {
        throw new MillraceError(
          'RESOURCE_EXHAUSTED',
          `${operator.name}: ${this.#waitingBytes} bytes of output wait for a cut to be complete, the limit is ${maxPendingBytes} (maxPendingBytes); take checkpoints more often, or raise it`,
          { details: { bytes: this.#waitingBytes, limitBytes: maxPendingBytes } },
        );
      }
      try {
        await unlessAborted(this.#committing, signal);
      } catch {
        // Where it failed, that has ended the attempt.
        return;
      }
    }
  }

  /** Steps 1 and 2 of open. */
  async #takeOver(states: readonly LaneState[]): Promise<void> {
    const { index, parallelism, rendezvous, operator } = this.#context;
    const { compression, maxBatchBytes, transactionTimeoutMs } = this.#options;
    const client = this.#client as KafkaClient;
    const recorded = await this.#markers.readLaneCount();
    this.#lanes = Math.max(recorded, parallelism, ...states.map(({ lanes }) => lanes));
    if (this.#lanes > recorded) await this.#markers.writeLaneCount(this.#lanes);
    const options = { compression, maxBatchBytes, transactionTimeoutMs };
    this.#transactions = await client.openTransactions(this.#markers.transactionalId(index), options);
    await this.#write([], index, { branch: this.#branch, cut: 0 });
    rendezvous.publish(boardKey(operator.uid, index), 'settled');
    for (let lane = index + parallelism; lane < this.#lanes; lane += parallelism) {
      await client.openTransactions(this.#markers.transactionalId(lane), options);
      rendezvous.publish(boardKey(operator.uid, lane), 'settled');
    }
  }

  /** Step 3 of open. */
  async #settle({ lane, branch, segments }: LaneState): Promise<void> {
    const last = segments.at(-1);
    if (last === undefined) return;
    await this.#context.rendezvous.lookup(boardKey(this.#context.operator.uid, lane), boardTimeoutMs);
    const done = committedCut(await this.#markers.read(lane), branch) ?? this.#withoutMarker(lane, last);
    const open = segments.filter(({ cut }) => cut > done);
    if (open.length === 0) return;
    await this.#write(
      open.flatMap(({ bytes, topic }) => readPending(bytes, topic)),
      lane,
      { branch, cut: last.cut },
    );
  }

  #withoutMarker(lane: number, { cut }: Segment): number {
    const { onMissingMarker } = this.#options;
    if (onMissingMarker === 'commit') return -1;
    if (onMissingMarker === 'discard') return cut;
    throw new MillraceError(
      'STATE_INVALID',
      `${this.#context.operator.name}: the restored state holds output, and Kafka does not know any more whether it was committed (group ${this.#markers.transactionalId(lane)}); ` +
        `set onMissingMarker to 'commit' or 'discard'`,
    );
  }

  async #commit(cut: number): Promise<void> {
    const ready = this.#segments.filter((segment) => segment.cut <= cut);
    const now = this.#context.clock.now();
    if (ready.length === 0 && now - this.#markedAt < markerEveryMs) return;
    const records = ready.flatMap(({ bytes, topic }) => readPending(bytes, topic));
    await this.#write(records, this.#context.index, { branch: this.#branch, cut });
    this.#segments = this.#segments.filter((segment) => !ready.includes(segment));
    this.#segmentBytes = this.#segments.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    this.#waiting.set(this.#waitingBytes);
  }

  /** One transaction. The lane's markers are read anew: whoever settled an older segment of the lane has added to them. */
  async #write(records: readonly OutRecord[], lane: number, marker: Marker): Promise<void> {
    const startedAt = performance.now();
    const markers = await this.#markers.read(lane);
    const isCommitted = async (): Promise<boolean> => (committedCut(await this.#markers.read(lane), marker.branch) ?? -1) >= marker.cut;
    await this.#transactions.commit(records, this.#markers.offsets(lane, markers, marker), isCommitted);
    this.#markedAt = this.#context.clock.now();
    this.#committed.add(records.length);
    if (records.length > 0) this.#seconds.observe((performance.now() - startedAt) / 1000);
  }
}

function boardKey(uid: string, lane: number): string {
  return `kafka-lane/${uid}/${lane}`;
}
