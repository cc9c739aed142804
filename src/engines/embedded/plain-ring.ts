/* eslint-disable */
import type { ChannelReader, ChannelWriter, Doorbell as Bell } from '../../memory/channel.js';
export class Doorbell implements Bell {
  a: Int32Array;
  constructor(m: SharedArrayBuffer) { this.a = new Int32Array(m); }
  get epoch() { return Atomics.load(this.a, 0); }
  async wait(seen: number, ms: number) { const r = (Atomics as any).waitAsync(this.a, 0, seen, ms); if (r.async) await r.value; }
  ring() { Atomics.add(this.a, 0, 1); Atomics.notify(this.a, 0); }
}
// head(4 w) tail ; entries as frames in cells: very plain
export class Ring implements ChannelWriter, ChannelReader {
  h: BigInt64Array; d: DataView; u: Uint8Array; cap: number; readPos: bigint; lens: number[] = [];
  constructor(m: SharedArrayBuffer, readonly bell: Doorbell | undefined) { this.h = new BigInt64Array(m, 0, 2); this.u = new Uint8Array(m, 64); this.d = new DataView(m, 64); this.cap = this.u.length; this.readPos = Atomics.load(this.h, 1); }
  get maxPayloadBytes() { return this.cap / 2 - 64; }
  get capacityBytes() { return this.cap; }
  get usedBytes() { return Number(Atomics.load(this.h, 0) - Atomics.load(this.h, 1)); }
  releasedFrames = 0;
  tryWrite(kind: any, o: any = {}) {
    const n = o.payloadBytes ?? 0; const len = 32 + ((n + 63) & ~63);
    let head = Atomics.load(this.h, 0); let at = Number(head % BigInt(this.cap)); let pad = at + len > this.cap ? this.cap - at : 0;
    if (this.usedBytes + pad + len > this.cap) return false;
    if (pad) { if (pad >= 32) this.d.setUint8(at + 4, 0); head += BigInt(pad); at = 0; }
    this.d.setUint32(at, n, true); this.d.setUint8(at + 4, kind); this.d.setUint8(at + 5, o.flags ?? 0); this.d.setFloat64(at + 8, o.number ?? 0, true);
    if (n) o.fill(this.u.subarray(at + 32, at + 32 + n));
    Atomics.store(this.h, 0, head + BigInt(len)); this.bell?.ring(); return true;
  }
  tryRead(): any {
    const head = Atomics.load(this.h, 0); if (this.readPos === head) return undefined;
    let at = Number(this.readPos % BigInt(this.cap)); let skipped = 0;
    if (this.cap - at < 32 || this.d.getUint8(at + 4) === 0) { skipped = this.cap - at; this.readPos += BigInt(skipped); at = 0; }
    const n = this.d.getUint32(at, true); const kind = this.d.getUint8(at + 4); const len = 32 + ((n + 63) & ~63);
    this.readPos += BigInt(len); this.lens.push(skipped + len);
    return { kind, flags: this.d.getUint8(at + 5), number: this.d.getFloat64(at + 8, true), payload: this.u.subarray(at + 32, at + 32 + n) };
  }
  release(c: number) { for (; c > 0; c--) { Atomics.add(this.h, 1, BigInt(this.lens.shift()!)); this.releasedFrames++; } this.bell?.ring(); }
}
