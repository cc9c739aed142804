import { MillraceError } from '../../core/index.js';
import { bytesToFloats, floatsToBytes, maxChunkBytes, type Segment, type SegmentData, type SyncRequest, type SyncResponse } from '../../rpc/index.js';
import type { FromShard, InitialSegment, SegmentValues, ToShard } from './messages.js';
import type { SegmentSpec } from './segment.js';

/** The messages of one core message: tensors in runs of at most 1 MiB, the last one marked. */
export function encodeToShard(message: ToShard): SyncRequest[] {
  switch (message.kind) {
    case 'init':
      return chunks(message.segments).map((part, i, all) => ({
        message: {
          $case: 'init',
          value: {
            segments: part.map(({ spec }) => encodeSpec(spec)),
            values: part.map(({ data }) => ({ segment: 0, version: 0, data: floatsToBytes(data) })),
            last: i === all.length - 1,
          },
        },
      }));
    case 'push': {
      const { position, examples, barrier, notBefore } = message;
      return chunks(message.gradients).map((part, i, all) => ({
        message: { $case: 'push', value: { position, examples, barrier, notBefore, gradients: part.map(encodeValues), last: i === all.length - 1 } },
      }));
    }
    case 'pull':
      // Version -1 (none yet) does not exist on the wire: versions are sent plus one.
      return [{ message: { $case: 'pull', value: { id: message.id, progress: message.progress, versions: message.versions.map((version) => version + 1) } } }];
    case 'mark':
      return [{ message: { $case: 'mark', value: { cut: message.cut } } }];
    case 'leave':
      return [{ message: { $case: 'leave', value: {} } }];
  }
}

export function encodeFromShard(message: FromShard): SyncResponse[] {
  switch (message.kind) {
    case 'directory':
      return [{ message: { $case: 'directory', value: { ready: message.ready, segments: message.segments.map(encodeSpec), applied: message.applied } } }];
    case 'ack':
      return [{ message: { $case: 'ack', value: { position: message.position, clock: message.clock } } }];
    case 'values': {
      const { id, clock } = message;
      return chunks(message.values).map((part, i, all) => ({
        message: { $case: 'values', value: { id, clock, values: part.map(encodeValues), last: i === all.length - 1 } },
      }));
    }
    case 'marked':
      return [{ message: { $case: 'marked', value: { cut: message.cut } } }];
    case 'left':
      return [{ message: { $case: 'left', value: {} } }];
  }
}

/** Puts the messages of one direction of a stream together again. */
export class ToShardDecoder {
  #initial: InitialSegment[] = [];
  #gradients: SegmentValues[] = [];

  /** @returns the core message that this one completed */
  add({ message }: SyncRequest): ToShard | undefined {
    switch (message?.$case) {
      case 'init': {
        const { segments, values, last } = message.value;
        segments.forEach((segment, i) => this.#initial.push({ spec: decodeSpec(segment), data: bytesToFloats(values[i]!.data) }));
        if (!last) return undefined;
        const whole = this.#initial;
        this.#initial = [];
        return { kind: 'init', segments: whole };
      }
      case 'push': {
        const { position, examples, barrier, notBefore, gradients, last } = message.value;
        this.#gradients.push(...gradients.map(decodeValues));
        if (!last) return undefined;
        const whole = this.#gradients;
        this.#gradients = [];
        return { kind: 'push', position, examples, barrier, notBefore, gradients: whole };
      }
      case 'pull':
        return { kind: 'pull', id: message.value.id, progress: message.value.progress, versions: message.value.versions.map((version) => version - 1) };
      case 'mark':
        return { kind: 'mark', cut: message.value.cut };
      case 'leave':
        return { kind: 'leave' };
      default:
        throw new MillraceError('PROTOCOL', `Sync: unexpected message ${message?.$case ?? 'without content'}`);
    }
  }
}

export class FromShardDecoder {
  #values: SegmentValues[] = [];

  add({ message }: SyncResponse): FromShard | undefined {
    switch (message?.$case) {
      case 'directory':
        return { kind: 'directory', ready: message.value.ready, segments: message.value.segments.map(decodeSpec), applied: message.value.applied };
      case 'ack':
        return { kind: 'ack', position: message.value.position, clock: message.value.clock };
      case 'values': {
        const { id, clock, values, last } = message.value;
        this.#values.push(...values.map(decodeValues));
        if (!last) return undefined;
        const whole = this.#values;
        this.#values = [];
        return { kind: 'values', id, clock, values: whole };
      }
      case 'marked':
        return { kind: 'marked', cut: message.value.cut };
      case 'left':
        return { kind: 'left' };
      default:
        throw new MillraceError('PROTOCOL', 'Sync: a message without content');
    }
  }
}

/** Groups of at most 1 MiB; at least one, so that an empty message still travels. */
function chunks<T extends { readonly data: Float32Array }>(items: readonly T[]): T[][] {
  const groups: T[][] = [[]];
  let bytes = 0;
  for (const item of items) {
    if (bytes > 0 && bytes + item.data.byteLength > maxChunkBytes) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(item);
    bytes += item.data.byteLength;
  }
  return groups;
}

function encodeSpec({ variable, shape, trainable, offset, length }: SegmentSpec): Segment {
  return { variable, shape: [...shape], trainable, offset, length };
}

function decodeSpec({ variable, shape, trainable, offset, length }: Segment): SegmentSpec {
  return { variable, shape, trainable, offset, length };
}

function encodeValues({ segment, version, data }: SegmentValues): SegmentData {
  return { segment, version, data: floatsToBytes(data) };
}

function decodeValues({ segment, version, data }: SegmentData): SegmentValues {
  return { segment, version, data: bytesToFloats(data) };
}
