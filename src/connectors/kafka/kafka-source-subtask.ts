import { MillraceError } from '../../core/errors.js';
import type { Counter, Gauge } from '../../core/metrics.js';
import { withDeadline } from '../../core/lifecycle.js';
import type { RecordBatch } from '../../memory/batch.js';
import type { Schema } from '../../memory/schema.js';
import type { SourceRuntimeOptions } from '../../stream/connector.js';
import type { ReadResult, Snapshot, SourceSubtask, StateChunk, SubtaskContext } from '../../stream/subtask.js';
import { eventTimesOf } from '../../stream/time/event-times.js';
import { SplitTimes } from '../../stream/time/split-times.js';
import { DeadLetterWriter, recordText, type BadRecord } from '../dead-letters.js';
import { ValueProblem } from '../field-codec.js';
import { decodeChunk, encodeChunk } from '../state-chunk.js';
import type { Fetched, KafkaClient, KafkaReader, RecordSet, TopicPartition } from './client.js';
import type { ResolvedKafkaSource } from './kafka-source.js';
import type { Connect } from './options.js';
import { partitionName } from './partition-owner.js';
import { PartitionPlan, type PartitionState } from './partition-plan.js';
import { recordDecoder, type KafkaFormat, type RecordDecoder } from './record-decoder.js';
import { encodeHeaders, type KafkaFields } from './record-fields.js';

export interface KafkaSourceParts {
  readonly connect: Connect;
  readonly options: ResolvedKafkaSource;
  readonly schema: Schema | undefined;
  readonly format: KafkaFormat;
  readonly runtime: SourceRuntimeOptions;
}

const stateVersion = 1;
const waitMs = 1000;
/** How often offsets are committed for tools, and ends of partitions asked for. */
const reportMs = 5000;
const closeTimeoutMs = 2000;
const maxBadPerRead = 256;

/** Rows of a batch that came from one partition. */
interface Range {
  readonly name: string;
  readonly from: number;
  to: number;
}

/**
 * Reads its partitions through the client, which fetches ahead; `read` decodes what has come.
 *
 * ```
 *  snapshot   one chunk (topic, partition, offset, until, newest time) per partition; any subtask can go on with it
 * ```
 */
export class KafkaSource implements SourceSubtask {
  readonly #parts: KafkaSourceParts;
  readonly #decoder: RecordDecoder;
  readonly #partitions = new Map<string, PartitionState>();
  #context!: SubtaskContext;
  #client!: KafkaClient;
  #reader!: KafkaReader;
  #letters!: DeadLetterWriter;
  #plan!: PartitionPlan;
  #times: SplitTimes | undefined;
  #lag!: Gauge;
  #bytes!: Counter;
  #age!: Gauge;
  #current: { readonly fetched: Fetched; row: number } | undefined;
  #ranges: Range[] = [];
  #bad: BadRecord[] = [];
  #draining = false;
  #reportAt = 0;
  #discoverAt = 0;
  #report: Promise<void> | undefined;
  #discovery: Promise<void> | undefined;

  constructor(parts: KafkaSourceParts) {
    const { options, schema, format, runtime } = parts;
    if (runtime.passes > 1) throw new MillraceError('OPTION_INVALID', `kafka source: passes is ${runtime.passes}, and a topic is read once; leave it out`);
    this.#parts = parts;
    this.#decoder = recordDecoder(format, schema, options.fields as KafkaFields);
  }

  async open(context: SubtaskContext, restored: readonly StateChunk[]): Promise<void> {
    const { connect, options, runtime } = this.#parts;
    this.#context = context;
    this.#letters = new DeadLetterWriter(context, runtime.onBadRecord);
    this.#lag = context.metrics.gauge('kafka_lag_records', 'Records in the partitions of the subtask that it has not read.');
    this.#age = context.metrics.gauge('kafka_record_age_seconds', 'Age of the newest record when it was read.');
    this.#bytes = context.metrics.counter('kafka_value_bytes_total', 'Bytes of values that were read.');
    if (runtime.times !== undefined) this.#times = new SplitTimes(runtime.times, context.output(), context.clock);
    const log = (message: string): void => context.log.debug(`kafka: ${message}`);
    this.#client = await connect({ connection: options, readCommitted: options.readCommitted, isRestored: context.isRestored, log });
    this.#reader = this.#client.openReader({
      readCommitted: options.readCommitted,
      maxBufferedBytes: options.maxBufferedBytes,
      maxPartitionBytes: options.maxPartitionBytes,
      maxWaitMs: 500,
      onOffsetOutOfRange: options.onOffsetOutOfRange,
      onReady: () => context.wake(),
      onFailure: (error) => context.fail(error),
    });
    this.#plan = new PartitionPlan(this.#client, context, options);
    const states = restored.map((chunk) => decodeChunk(stateVersion, chunk, context.operator.name) as PartitionState);
    for (const state of await this.#plan.begin(states)) this.#add(state);
    this.#reportAt = context.clock.now() + reportMs;
    this.#discoverAt = context.clock.now() + (context.isRestored ? 0 : options.discoverMs);
    this.#times?.emit();
    this.#setTimer();
  }

  read(): ReadResult {
    for (const state of this.#plan.takeNew()) this.#add(state);
    if (this.#draining || this.#isComplete()) return { next: 'end' };
    const { batchRows } = this.#parts.runtime;
    while (this.#decoder.length < batchRows && this.#bad.length < maxBadPerRead) {
      this.#current ??= this.#take();
      if (this.#current === undefined) break;
      this.#decode(this.#current, batchRows);
    }
    const { length } = this.#decoder;
    this.#emit();
    if (this.#isComplete()) return { next: 'end' };
    return length > 0 || this.#current !== undefined ? { next: 'more' } : { next: 'wait', afterMs: waitMs };
  }

  drain(): void {
    this.#draining = true;
    this.#context.wake();
  }

  onProcessingTime(): void {
    this.#times?.emit();
    const now = this.#context.clock.now();
    if (now >= this.#reportAt) {
      this.#reportAt = now + reportMs;
      this.#report ??= this.#reportOffsets().finally(() => (this.#report = undefined));
    }
    if (now >= this.#discoverAt) {
      this.#discoverAt = now + this.#parts.options.discoverMs;
      this.#discovery ??= this.#discover().finally(() => (this.#discovery = undefined));
    }
    this.#setTimer();
  }

  freeze(): Snapshot {
    const states = [...this.#partitions].map(([name, state]) => ({ ...state, newest: this.#times?.newestOf(name) ?? state.newest }));
    return { parts: () => states.map((state) => encodeChunk(stateVersion, state)) };
  }

  async close(): Promise<void> {
    if (this.#client === undefined) return;
    await this.#reader?.close();
    const commit = this.#commitOffsets().catch(() => undefined);
    await withDeadline(commit, { ms: closeTimeoutMs, what: 'last commit of offsets' }).catch(() => undefined);
    await this.#client.close();
  }

  #add(state: PartitionState): void {
    const name = partitionName(state);
    this.#partitions.set(name, state);
    if (isDone(state)) return;
    this.#times?.add(name, state.newest);
    this.#reader.add({ topic: state.topic, partition: state.partition }, state.offset);
  }

  #take(): { readonly fetched: Fetched; row: number } | undefined {
    const fetched = this.#reader.take();
    return fetched === undefined ? undefined : { fetched, row: 0 };
  }

  /** Decodes records of what was fetched, until the batch is full or there are no more. */
  #decode(current: { readonly fetched: Fetched; row: number }, batchRows: number): void {
    const { records, partition, nextOffset, endOffset } = current.fetched;
    const name = partitionName(partition);
    const state = this.#partitions.get(name) as PartitionState;
    state.end = Math.max(state.end, endOffset);
    const from = this.#decoder.length;
    const count = records === undefined ? 0 : records.length;
    let bytes = 0;
    while (current.row < count && this.#decoder.length < batchRows && this.#bad.length < maxBadPerRead) {
      const set = records as RecordSet;
      if (state.until !== undefined && set.offset(current.row) >= state.until) {
        current.row = count;
        break;
      }
      bytes += (set.valueEnd[current.row] as number) - Math.max(set.valueStart[current.row] as number, 0);
      this.#decodeOne(set, current.row, partition);
      state.offset = set.offset(current.row) + 1;
      current.row++;
    }
    this.#bytes.add(bytes);
    if (this.#decoder.length > from) this.#ranges.push({ name, from, to: this.#decoder.length });
    if (current.row < count) return;
    if (count > 0) this.#age.set(Math.max(0, this.#context.clock.now() - (records as RecordSet).timestamp(count - 1)) / 1000);
    state.offset = state.until === undefined ? nextOffset : Math.min(nextOffset, state.until);
    this.#current = undefined;
    if (isDone(state)) this.#reader.remove(partition);
  }

  #decodeOne(records: RecordSet, index: number, partition: TopicPartition): void {
    if (records.valueStart[index] === -1 && this.#parts.format === 'json' && this.#parts.options.tombstones === 'skip') return;
    try {
      this.#decoder.add(records, index, partition);
    } catch (thrown) {
      if (!(thrown instanceof ValueProblem)) throw thrown;
      const value = records.value(index);
      this.#bad.push({
        code: 'RECORD_MALFORMED',
        where: partition.topic,
        position: `partition ${partition.partition}, offset ${records.offset(index)}`,
        cause: thrown.message,
        record: value === null ? '' : recordText(value),
        original: { value: copy(value), key: copy(records.key(index)), headers: encodeHeaders(records.headers(index)) },
      });
    }
  }

  #emit(): void {
    const bad = this.#bad;
    this.#bad = [];
    this.#letters.write(bad);
    const batch = this.#decoder.take();
    if (batch !== undefined) this.#context.output().emit(this.#timed(batch));
    this.#ranges = [];
    for (const [name, state] of this.#partitions) if (isDone(state)) this.#times?.end(name);
    this.#times?.emit();
    this.#showLag();
  }

  #timed(batch: RecordBatch): RecordBatch {
    const { times } = this.#parts.runtime;
    if (this.#times === undefined || times === undefined) return batch;
    const values = eventTimesOf(batch, times.time, this.#context.operator.name);
    for (const { name, from, to } of this.#ranges) {
      let newest = -Infinity;
      for (let i = from; i < to; i++) newest = Math.max(newest, values[i] as number);
      this.#times.observe(name, newest);
    }
    return batch.withTimes(values);
  }

  #isComplete(): boolean {
    return this.#parts.options.until !== undefined && this.#plan.isSettled && [...this.#partitions.values()].every(isDone);
  }

  #showLag(): void {
    let lag = 0;
    for (const { offset, until, end } of this.#partitions.values()) lag += Math.max(0, Math.min(until ?? Infinity, end) - offset);
    this.#lag.set(lag);
  }

  async #reportOffsets(): Promise<void> {
    try {
      const states = [...this.#partitions.values()];
      const found = await this.#client.offsetsAt(states, 'latest');
      states.forEach((state, i) => (state.end = Math.max(state.end, found[i] as number)));
      this.#showLag();
      await this.#commitOffsets();
    } catch (thrown) {
      this.#context.log.warn(`kafka: offsets could not be reported: ${(thrown as Error).message}`);
    }
  }

  async #commitOffsets(): Promise<void> {
    const { group } = this.#parts.options;
    if (group === undefined) return;
    await this.#client.commitOffsets(
      group,
      [...this.#partitions.values()].map(({ topic, partition, offset }) => ({ topic, partition, offset, metadata: '' })),
    );
  }

  async #discover(): Promise<void> {
    try {
      if (await this.#plan.discover()) this.#context.wake();
    } catch (thrown) {
      this.#context.log.warn(`kafka: new partitions could not be looked for: ${(thrown as Error).message}`);
    }
  }

  #setTimer(): void {
    this.#context.setProcessingTimer(Math.min(this.#reportAt, this.#discoverAt, this.#times?.nextIdleAt ?? Infinity));
  }
}

function isDone({ offset, until }: PartitionState): boolean {
  return until !== undefined && offset >= until;
}

function copy(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : new Uint8Array(bytes);
}
