import { concatBatches, type RecordBatch } from '../../memory/index.js';

interface Block {
  readonly batch: RecordBatch;
  /** Number of its first row. */
  readonly from: number;
  /** Rows not yet released. */
  live: number;
}

/** Rows that are needed for a while, by number, in the batches they came in; a batch goes when its last row is released. */
export class RowStore {
  #blocks: Block[] = [];
  #next = 0;

  /** Number of the next row. */
  get next(): number {
    return this.#next;
  }

  /** @returns number of the batch's first row */
  add(batch: RecordBatch): number {
    const from = this.#next;
    if (batch.length > 0) this.#blocks.push({ batch, from, live: batch.length });
    this.#next += batch.length;
    return from;
  }

  /** Copies rows, in the order given, into a batch of their own. */
  gather(rows: Float64Array): RecordBatch {
    const indices = new Map<Block, { readonly rows: number[]; readonly at: number[] }>();
    let block: Block | undefined;
    let part: { readonly rows: number[]; readonly at: number[] } | undefined;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      if (block === undefined || row < block.from || row >= block.from + block.batch.length) {
        block = this.#find(row);
        part = indices.get(block);
        if (part === undefined) indices.set(block, (part = { rows: [], at: [] }));
      }
      part!.rows.push(row - block.from);
      part!.at.push(i);
    }
    const parts = [...indices].map(([{ batch }, { rows: taken }]) => batch.take(Int32Array.from(taken)));
    const joined = concatBatches(parts);
    if (parts.length === 1) return joined;
    const order = new Int32Array(rows.length);
    let from = 0;
    for (const { at } of indices.values()) for (const to of at) order[to] = from++;
    return joined.take(order);
  }

  /** These rows are not asked for again. */
  release(rows: Float64Array): void {
    let isAnyEmpty = false;
    let block: Block | undefined;
    for (const row of rows) {
      if (block === undefined || row < block.from || row >= block.from + block.batch.length) block = this.#find(row);
      if (--block.live === 0) isAnyEmpty = true;
    }
    if (isAnyEmpty) this.#blocks = this.#blocks.filter(({ live }) => live > 0);
  }

  #find(row: number): Block {
    const blocks = this.#blocks;
    let from = 0;
    let to = blocks.length - 1;
    while (from < to) {
      const middle = (from + to + 1) >> 1;
      if (blocks[middle]!.from <= row) from = middle;
      else to = middle - 1;
    }
    return blocks[from]!;
  }
}
