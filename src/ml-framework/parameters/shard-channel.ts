import { MillraceError } from '../../core/index.js';
import { ParameterServerServiceClient, dial, fromStatus, type ServiceError, type SyncResponse } from '../../rpc/index.js';
import { FromShardDecoder, encodeToShard } from './codec.js';
import type { ShardLink, ShardLinkEvents } from './messages.js';

export interface ShardAddress {
  /** 'worker 1' */
  readonly from: string;
  /** 'ps 0' */
  readonly to: string;
  readonly address: string;
  readonly worker: number;
  readonly epoch: number;
}

/** Opens the ordered stream to one shard over gRPC. */
export function openShardChannel({ from, to, address, worker, epoch }: ShardAddress, events: ShardLinkEvents): ShardLink {
  const client = dial(ParameterServerServiceClient, address);
  const call = client.sync();
  const decoder = new FromShardDecoder();
  let isClosed = false;
  const lost = (error: unknown): void => {
    if (isClosed) return;
    isClosed = true;
    client.close();
    events.lost(error);
  };
  call.on('data', (response: SyncResponse) => {
    try {
      const message = decoder.add(response);
      if (message !== undefined && !isClosed) events.message(message);
    } catch (thrown) {
      lost(thrown);
    }
  });
  call.on('error', (error: ServiceError) => lost(fromStatus(error, `${from}: stream to ${to} at ${address}`)));
  call.on('end', () => lost(new MillraceError('UNAVAILABLE', `${from}: ${to} at ${address} ended the stream`)));
  call.write({ message: { $case: 'open', value: { worker, epoch } } });
  return {
    send(message) {
      if (isClosed) return;
      for (const request of encodeToShard(message)) call.write(request);
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      call.end();
      call.cancel();
      client.close();
    },
  };
}
