import { deferred, type Deferred } from '../../core/lifecycle.js';
import type { MetricGroup } from '../../core/metrics.js';
import { frameKind, type FrameKind } from '../../memory/frame.js';
import type { RecordBatch } from '../../memory/batch.js';
import type { Output } from '../../stream/subtask.js';
import type { Chain } from './chain.js';
import type { ExchangeWriter } from './exchange-writer.js';
import type { Item, OperatorDriver } from './operator-driver.js';

/** Where one output stream (main or one tag) goes: operators of the same chain, and channels. */
export interface Route {
  readonly inner: { readonly driver: OperatorDriver; readonly input: number }[];
  readonly exchanges: ExchangeWriter[];
}

/**
 * All outputs of one operator. Records go where their tag leads; marks, barriers and the end go to everyone downstream.
 */
export class OperatorOutputs {
  readonly #chain: Chain;
  readonly #routes: ReadonlyMap<string | undefined, Route>;
  readonly #drivers: readonly { readonly driver: OperatorDriver; readonly input: number }[];
  readonly #exchanges: readonly ExchangeWriter[];
  readonly #recordsOut;
  readonly #batchesOut;
  readonly #watermarkGauge;
  #watermark = -Infinity;
  #idle = false;

  constructor(chain: Chain, routes: ReadonlyMap<string | undefined, Route>, metrics: MetricGroup) {
    this.#chain = chain;
    this.#routes = routes;
    this.#drivers = [...routes.values()].flatMap((route) => route.inner);
    this.#exchanges = [...routes.values()].flatMap((route) => route.exchanges);
    this.#recordsOut = metrics.counter('records_out_total', 'Records that the operator emitted, side outputs included.');
    this.#batchesOut = metrics.counter('batches_out_total', 'Record batches that the operator emitted.');
    this.#watermarkGauge = metrics.gauge('watermark_seconds', 'Event time up to which the output of the operator is complete; NaN before the first watermark.');
    this.#watermarkGauge.set(NaN);
  }

  output(tag: string | undefined): Output {
    const route = this.#routes.get(tag);
    return {
      emit: (batch) => this.#emit(batch, route),
      lend: (batch) => {
        this.#emit(batch, route);
        return !this.#isReading();
      },
      emitWatermark: (watermark) => this.watermark(watermark),
      emitIdle: (idle) => this.idle(idle),
      endOfPass: (passes) => this.endOfPass(passes),
      ready: () => this.#ready(),
    };
  }

  /** Event time up to which all that was emitted is complete. */
  get currentWatermark(): number {
    return this.#watermark;
  }

  watermark(watermark: number): void {
    if (watermark <= this.#watermark || Number.isNaN(watermark)) return;
    this.#watermark = watermark;
    this.#idle = false;
    this.#watermarkGauge.set(watermark / 1000);
    this.#toAll({ kind: 'watermark', watermark }, frameKind.watermark, 0, watermark);
  }

  idle(idle: boolean): void {
    if (idle === this.#idle) return;
    this.#idle = idle;
    this.#toAll({ kind: 'idle', idle }, frameKind.idle, idle ? 1 : 0, 0);
  }

  endOfPass(passes: number): void {
    this.#toAll({ kind: 'endOfPass', passes }, frameKind.endOfPass, 0, passes);
  }

  /** Flags 1: the producer holds after this barrier until it is redeployed or the cut is aborted. */
  barrier(cut: number, stop: boolean): void {
    this.#toAll({ kind: 'barrier', cut, stop }, frameKind.barrier, stop ? 1 : 0, cut);
  }

  endOfInput(): void {
    for (const { driver, input } of this.#drivers) driver.receive({ kind: 'endOfInput', input, last: true });
    for (const exchange of this.#exchanges) exchange.control(frameKind.endOfInput, 0, 0);
    this.#chain.touch();
  }

  #emit(batch: RecordBatch, route: Route | undefined): void {
    if (batch.length === 0 || this.#chain.failed) return;
    this.#recordsOut.add(batch.length);
    this.#batchesOut.add(1);
    // Records and watermarks end idleness by themselves, on the other side too.
    this.#idle = false;
    if (route === undefined) return;
    for (const { driver, input } of route.inner) driver.receive({ kind: 'batch', batch, input });
    for (const exchange of route.exchanges) exchange.emit(batch);
    this.#chain.touch();
  }

  #toAll(item: Item, kind: FrameKind, flags: number, number: number): void {
    for (const { driver } of this.#drivers) driver.receive(item);
    for (const exchange of this.#exchanges) exchange.control(kind, flags, number);
    this.#chain.touch();
  }

  #ready(): Promise<void> | undefined {
    if (!this.#blocked()) return undefined;
    const waiting: Deferred<void> = deferred();
    this.#chain.whenReady(() => !this.#blocked(), waiting.resolve);
    return waiting.promise;
  }

  /** What channels hold back they have copied; an operator that is busy, or has the batch in its queue, still reads it. */
  #isReading(): boolean {
    return this.#drivers.some(({ driver }) => driver.occupied || driver.outputs.#isReading());
  }

  #blocked(): boolean {
    return this.#exchanges.some((exchange) => exchange.held) || this.#drivers.some(({ driver }) => driver.occupied || driver.outputs.#blocked());
  }
}
