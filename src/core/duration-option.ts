import { z } from 'zod';
import { parseDurationMs } from './options.js';

/** zod field for a {@link Duration}, resolved to milliseconds. */
export const durationMs = z.union([z.number(), z.string()]).transform((value, context) => {
  try {
    return parseDurationMs(value, 'value');
  } catch {
    context.addIssue({ code: 'custom', message: "not a duration; give milliseconds or text such as '250 ms', '3 h', '28 d'" });
    return z.NEVER;
  }
});
