import type { LocalShard, LocalShardOptions } from '../../ml-framework/node/role-registry.js';
import { ParameterShard } from './parameter-shard.js';
import { decodeSegment, encodeSegment } from './segment-state.js';

/** The same shard inside the only worker, reached by call: training without parameter servers. */
export function createLocalShard({ optimizer, gradients, epoch }: LocalShardOptions, restored: readonly Uint8Array[]): LocalShard {
  const shard = new ParameterShard({ name: 'local parameters', workers: 1, mode: 'asp', gradients, optimizer, epoch }, restored.map(decodeSegment));
  return {
    connect(events) {
      // Answers come after the call that asked, as they would over a network.
      const session = shard.connect(0, epoch, (message) => queueMicrotask(() => events.message(message)));
      return { send: (message) => session.receive(message), close: () => undefined };
    },
    freeze: (cut) => shard.freeze(cut).map(encodeSegment),
    decide: (cut) => shard.decide(cut),
  };
}
