import { pathToFileURL } from 'node:url';

/** A place as Flink takes it: a path of this machine becomes a file URL, everything with a scheme stays (`file:/x` as `file:///x`). */
export function toUri(place: string): string {
  if (/^file:\/(?!\/)/.test(place)) return place.replace(/^file:/, 'file://');
  return /^[a-z][a-z0-9+.-]*:/i.test(place) ? place : pathToFileURL(place).href;
}
