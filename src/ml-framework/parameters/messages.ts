import type { SegmentSpec } from './segment.js';

/** Gradients or values of one segment, by its position in the shard's directory. */
export interface SegmentValues {
  readonly segment: number;
  /** Pushes applied to the segment so far; 0 for gradients. */
  readonly version: number;
  readonly data: Float32Array;
}

export interface InitialSegment {
  readonly spec: SegmentSpec;
  readonly data: Float32Array;
}

/** Gradients of one batch. */
export interface PushMessage {
  readonly kind: 'push';
  /** Names the batch within the worker's lane: 1, 2, ... */
  readonly position: number;
  /** Examples behind the mean gradient; 0 takes part in a round without a say. */
  readonly examples: number;
  /** The last barrier that the worker has passed. */
  readonly barrier: number;
  /** Held until the predictions of every active member have come this far in the order of batches; 0: not held. */
  readonly notBefore: number;
  readonly gradients: readonly SegmentValues[];
}

export interface PullMessage {
  readonly kind: 'pull';
  readonly id: number;
  /** The worker predicts nothing of an earlier place in the order of batches after this pull; 0: says nothing. */
  readonly progress: number;
  /** Version known of each segment of the directory; -1 for none. */
  readonly versions: readonly number[];
}

/** What a worker sends to a shard, in order, on one stream. */
export type ToShard =
  | { readonly kind: 'init'; readonly segments: readonly InitialSegment[] }
  | PushMessage
  | PullMessage
  | { readonly kind: 'mark'; readonly cut: number }
  | { readonly kind: 'leave' };

/** What a shard answers. */
export type FromShard =
  | { readonly kind: 'directory'; readonly ready: boolean; readonly segments: readonly SegmentSpec[]; readonly applied: number }
  | { readonly kind: 'ack'; readonly position: number; readonly clock: number }
  | { readonly kind: 'values'; readonly id: number; readonly clock: number; readonly values: readonly SegmentValues[] }
  | { readonly kind: 'marked'; readonly cut: number }
  | { readonly kind: 'left' };

/** The way from a worker to one shard. Messages arrive in order or the link is lost. */
export interface ShardLink {
  send(message: ToShard): void;
  close(): void;
}

export interface ShardLinkEvents {
  message(message: FromShard): void;
  /** The shard is gone; nothing more arrives. */
  lost(error: unknown): void;
}
