import { parseDurationMs, type Duration } from '../../core/options.js';
import { MillraceError } from '../../core/errors.js';

/** Windows that a keyed stream is cut into; made by {@link tumbling}, {@link sliding} and {@link session}. */
export type WindowSpec =
  | { readonly kind: 'tumbling'; readonly size: Duration; readonly options: AlignedOptions }
  | { readonly kind: 'sliding'; readonly size: Duration; readonly slide: Duration; readonly options: AlignedOptions }
  | { readonly kind: 'session'; readonly gap: Duration; readonly options: WindowTimeOptions };

export interface WindowTimeOptions {
  /** 'event' (default): by the rows' event time, fired by watermarks. 'processing': by the clock when a row arrives. */
  readonly time?: 'event' | 'processing';
}

export interface AlignedOptions extends WindowTimeOptions {
  /** Shifts all windows: with '6 h', windows of a day begin at 06:00 UTC. Default 0: aligned to the epoch. */
  readonly offset?: Duration;
}

/** Windows of one length, end to end: `tumbling('3 h')`. A window holds times start <= t < end. */
export function tumbling(size: Duration, options: AlignedOptions = {}): WindowSpec {
  return { kind: 'tumbling', size, options };
}

/** Windows of one length that begin every `slide`: `sliding('28 d', '1 d')`. A row is in size / slide of them. */
export function sliding(size: Duration, slide: Duration, options: AlignedOptions = {}): WindowSpec {
  return { kind: 'sliding', size, slide, options };
}

/** Windows that grow while rows follow each other within `gap`; rows exactly `gap` apart are in one. */
export function session(gap: Duration, options: WindowTimeOptions = {}): WindowSpec {
  return { kind: 'session', gap, options };
}

/** A checked window spec, all durations in ms. A tumbling window is a sliding one with slide = size. */
export type ResolvedWindow =
  | { readonly kind: 'aligned'; readonly sizeMs: number; readonly slideMs: number; readonly offsetMs: number; readonly time: 'event' | 'processing' }
  | { readonly kind: 'session'; readonly gapMs: number; readonly time: 'event' | 'processing' };

/** @throws OPTION_INVALID for a duration that is none, or not a positive whole number of ms */
export function resolveWindow(spec: WindowSpec): ResolvedWindow {
  const { time = 'event' } = spec.options;
  if (spec.kind === 'session') return { kind: 'session', gapMs: positive(spec.gap, 'session window: gap'), time };
  const sizeMs = positive(spec.size, `${spec.kind} window: size`);
  const slideMs = spec.kind === 'tumbling' ? sizeMs : positive(spec.slide, 'sliding window: slide');
  const offsetMs = parseDurationMs(spec.options.offset ?? 0, `${spec.kind} window: offset`) % slideMs;
  return { kind: 'aligned', sizeMs, slideMs, offsetMs, time };
}

function positive(value: Duration, what: string): number {
  const ms = parseDurationMs(value, what);
  if (Number.isInteger(ms) && ms > 0) return ms;
  throw new MillraceError('OPTION_INVALID', `${what}: must be a whole number of milliseconds above 0 (got ${String(value)})`);
}

/** 'tumbling 3 h', the way explain writes it. */
export function formatWindow(spec: WindowSpec): string {
  const time = spec.options.time === 'processing' ? ', processing time' : '';
  switch (spec.kind) {
    case 'tumbling':
      return `tumbling ${show(spec.size)}${time}`;
    case 'sliding':
      return `sliding ${show(spec.size)} every ${show(spec.slide)}${time}`;
    case 'session':
      return `session gap ${show(spec.gap)}${time}`;
  }
}

function show(duration: Duration): string {
  return typeof duration === 'number' ? `${duration} ms` : duration;
}
