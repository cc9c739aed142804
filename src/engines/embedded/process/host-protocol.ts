import type { EncodedError } from '../../../core/index.js';
import type { FromSubtask, ToSubtask } from '../../runtime/protocol.js';
import type { SubtaskWork } from '../protocol.js';

/** What the main process says to a host process. */
export type ToHost =
  | { readonly type: 'run'; readonly work: SubtaskWork; readonly name: string }
  | { readonly type: 'tell'; readonly message: ToSubtask }
  /** Go, there is no more to do. */
  | { readonly type: 'end' };

/** What a host process says. */
export type FromHost =
  | { readonly type: 'said'; readonly message: FromSubtask }
  /** The first values of the metrics block, where they have changed. */
  | { readonly type: 'metrics'; readonly values: Float64Array }
  /** The subtask has closed and all that it said has been passed on; `lost`: its thread ended before that. */
  | { readonly type: 'free'; readonly lost?: EncodedError };
