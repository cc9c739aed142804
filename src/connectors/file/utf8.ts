import { ValueProblem } from '../field-codec.js';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes from..to as text. @throws ValueProblem where they are not UTF-8 */
export function decodeUtf8(window: Buffer, from: number, to: number, ascii: boolean): string {
  if (ascii) return window.toString('latin1', from, to);
  const text = window.toString('utf8', from, to);
  // A replacement character is either in the text or stands for a byte that is no UTF-8: only then decode strictly.
  if (!text.includes('\ufffd')) return text;
  try {
    return strict.decode(window.subarray(from, to));
  } catch {
    throw new ValueProblem('not valid UTF-8');
  }
}
