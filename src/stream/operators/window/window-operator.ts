import { MillraceError } from '../../../core/errors.js';
import type { RecordBatch } from '../../../memory/batch.js';
import type { KeySelector } from '../../graph.js';
import { KeyIndex } from '../../state/key-index.js';
import type { Key } from '../../state/key.js';
import { decodeState, encodeState } from '../../state/state-bytes.js';
import type { Output, Snapshot, StateChunk, Subtask, SubtaskContext } from '../../subtask.js';
import type { ResolvedWindow } from '../../windows/window-spec.js';
import { AlignedWindows } from './aligned-windows.js';
import type { WindowKernel } from './kernel.js';
import { SessionWindows } from './session-windows.js';
import { GroupWriter, type WindowScope, type WindowStore } from './window-store.js';

export interface WindowOperatorOptions {
  readonly key: KeySelector;
  readonly window: ResolvedWindow;
  readonly latenessMs: number;
  /** Side output for late rows; undefined: they are dropped (and counted). */
  readonly lateTag: string | undefined;
  createKernel(): WindowKernel;
}

const version = 1;

interface GroupState {
  readonly time: number;
  readonly keys: Key[];
  readonly parts: unknown[];
}

/**
 * Windows over keyed rows, with Flink's semantics: a window [start, end) fires when the watermark reaches end - 1, fires
 * again for each row that comes within the allowed lateness, and is forgotten at end - 1 + lateness. Results have event
 * time end - 1. Processing-time windows fire when the clock reaches their end, and at the end of input.
 *
 * State is encoded at the barrier (accumulators change in place), one chunk per key group, with the time reached.
 */
export class WindowOperator implements Subtask {
  readonly #options: WindowOperatorOptions;
  readonly #isEventTime: boolean;
  #context!: SubtaskContext;
  #scope!: WindowScope;
  #windows!: WindowStore;
  #lateOutput: Output | undefined;
  #lateCount!: { add(amount: number): void };
  #armedFor = Infinity;

  constructor(options: WindowOperatorOptions) {
    this.#options = options;
    this.#isEventTime = options.window.time === 'event';
  }

  open(context: SubtaskContext, restored: readonly StateChunk[]): void {
    const { window, latenessMs, lateTag, createKernel } = this.#options;
    const kernel = createKernel();
    kernel.open(context);
    const keys = new KeyIndex({ keyGroups: context.keyGroups.total, isLive: (slot) => this.#windows.isLive(slot) });
    this.#context = context;
    this.#scope = { kernel, keys, latenessMs: this.#isEventTime ? latenessMs : 0, time: -Infinity };
    this.#windows = window.kind === 'session' ? new SessionWindows(this.#scope, window.gapMs) : new AlignedWindows(this.#scope, window);
    this.#lateOutput = lateTag === undefined ? undefined : context.output(lateTag);
    this.#lateCount = context.metrics.counter('late_records_total', 'Records that came after their windows were late.');
    this.#restore(restored);
    this.#armClock();
  }

  process(batch: RecordBatch): void {
    if (batch.length === 0) return;
    const { kernel, keys } = this.#scope;
    const slots = keys.slotsOf(batch, this.#options.key);
    const times = this.#isEventTime ? this.#eventTimes(batch) : this.#arrivalTimes(batch.length);
    const late: number[] = [];
    kernel.bind(batch);
    this.#windows.add(slots, times, late);
    kernel.flush();
    if (late.length > 0) {
      this.#lateCount.add(late.length);
      this.#lateOutput?.emit(batch.take(Int32Array.from(late)));
    }
    this.#armClock();
  }

  advance(watermark: number): void {
    if (this.#isEventTime) this.#moveTo(watermark);
  }

  onProcessingTime(timeMs: number): void {
    this.#armedFor = Infinity;
    if (!this.#isEventTime) this.#moveTo(timeMs - 1);
    this.#armClock();
  }

  endOfInput(): void {
    // No clock will be waited for any more: what processing-time windows hold comes out now.
    if (!this.#isEventTime) this.#moveTo(Infinity);
  }

  freeze(): Snapshot {
    const { keyGroups, operator } = this.#context;
    const { time, keys } = this.#scope;
    const writer = new GroupWriter(keys);
    if (time > -Infinity) for (let group = keyGroups.from; group < keyGroups.to; group++) writer.group(group);
    this.#windows.snapshot(writer);
    const chunks = [...writer.groups].map(([keyGroup, group]) => {
      const state: GroupState = { time, keys: group.keys, parts: group.parts };
      return { keyGroup, bytes: encodeState(version, state, operator.name), isGiven: true };
    });
    return { parts: () => chunks };
  }

  #restore(chunks: readonly StateChunk[]): void {
    const groups = chunks.map((chunk) => decodeState(version, chunk, this.#context.operator.name) as GroupState);
    groups.sort((a, b) => a.time - b.time);
    // The time first: it says which windows have fired.
    if (groups.length > 0) this.#scope.time = groups[0]!.time;
    for (const { time, keys, parts } of groups) {
      // Clocks of two subtasks differ by moments. What the one behind has not fired yet comes out before the state of the
      // one ahead is there, or the windows that this one has fired would fire again.
      if (!this.#isEventTime) this.#moveTo(time);
      const slots = this.#scope.keys.slotsOfKeys(keys);
      for (const part of parts) this.#windows.restore(part, slots);
    }
  }

  #moveTo(time: number): void {
    if (time <= this.#scope.time) return;
    this.#scope.time = time;
    this.#windows.advance();
    this.#scope.kernel.flush();
  }

  #eventTimes(batch: RecordBatch): Float64Array {
    if (batch.times !== undefined) return batch.times;
    throw new MillraceError(
      'GRAPH_INVALID',
      `${this.#context.operator.name}: its records have no event time; give the source { time }, or the window { time: 'processing' }`,
    );
  }

  #arrivalTimes(rows: number): Float64Array {
    // A clock that was set back must not put rows into windows that have fired.
    return new Float64Array(rows).fill(Math.max(this.#context.clock.now(), this.#scope.time + 1));
  }

  #armClock(): void {
    const { nextEnd } = this.#windows;
    if (this.#isEventTime || nextEnd === Infinity || nextEnd === this.#armedFor) return;
    this.#armedFor = nextEnd;
    this.#context.setProcessingTimer(nextEnd);
  }
}
