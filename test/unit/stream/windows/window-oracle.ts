/** A row of the window tests: `id` tells rows apart. */
export interface OracleRow {
  readonly key: string;
  readonly time: number;
  readonly id: number;
}

export type OracleStep = { readonly row: OracleRow } | { readonly watermark: number };

export interface OracleWindow {
  readonly kind: 'aligned' | 'session';
  /** Size and slide, or gap. */
  readonly size: number;
  readonly slide: number;
  readonly lateness: number;
}

interface Held {
  start: number;
  end: number;
  ids: number[];
}

/**
 * Windows by the letter of Flink's WindowOperator with its event-time trigger, one element and one window at a time, with
 * nothing shared and nothing remembered but lists of rows: what the real operator is held against.
 */
export class WindowOracle {
  readonly results: string[] = [];
  readonly late: number[] = [];
  #watermark = -Infinity;
  readonly #held = new Map<string, Held[]>();

  constructor(private readonly window: OracleWindow) {}

  run(steps: readonly OracleStep[]): this {
    for (const step of steps) {
      if ('row' in step) this.#row(step.row);
      else this.#advance(step.watermark);
    }
    return this;
  }

  #isLate(end: number): boolean {
    return end - 1 + this.window.lateness <= this.#watermark;
  }

  #row(row: OracleRow): void {
    const held = this.#held.get(row.key) ?? [];
    this.#held.set(row.key, held);
    let isSkipped = true;
    for (const { start, end } of this.#assign(row.time)) {
      const target = this.window.kind === 'session' ? this.#merge(held, start, end) : (held.find((each) => each.start === start) ?? { start, end, ids: [] });
      if (this.#isLate(target.end)) continue;
      isSkipped = false;
      if (!held.includes(target)) held.push(target);
      target.ids.push(row.id);
      if (target.end - 1 <= this.#watermark) this.#fire(row.key, target);
    }
    if (isSkipped && row.time + this.window.lateness <= this.#watermark) this.late.push(row.id);
  }

  #assign(time: number): { start: number; end: number }[] {
    const { kind, size, slide } = this.window;
    if (kind === 'session') return [{ start: time, end: time + size }];
    const windows = [];
    for (let start = Math.floor(time / slide) * slide; start > time - size; start -= slide) windows.push({ start, end: start + size });
    return windows;
  }

  #merge(held: Held[], start: number, end: number): Held {
    const merged: Held = { start, end, ids: [] };
    for (const each of held.filter((other) => other.start <= end && other.end >= start)) {
      merged.start = Math.min(merged.start, each.start);
      merged.end = Math.max(merged.end, each.end);
      merged.ids.push(...each.ids);
      held.splice(held.indexOf(each), 1);
    }
    return merged;
  }

  #advance(watermark: number): void {
    if (watermark <= this.#watermark) return;
    const before = this.#watermark;
    this.#watermark = watermark;
    for (const [key, held] of this.#held) {
      for (const each of held) if (each.end - 1 > before && each.end - 1 <= watermark) this.#fire(key, each);
      this.#held.set(
        key,
        held.filter((each) => !this.#isLate(each.end)),
      );
    }
  }

  #fire(key: string, { start, end, ids }: Held): void {
    this.results.push(showResult(key, start, end, ids));
  }
}

export function showResult(key: string, start: number, end: number, ids: readonly number[]): string {
  return `${key} ${start}..${end} [${[...ids].sort((a, b) => a - b).join(' ')}]`;
}
