import { MillraceError } from '../../core/index.js';
import { ToShardDecoder, encodeFromShard } from '../../ml-framework/parameters/codec.js';
import { ParameterServerServiceService, failStream, type ParameterServerServiceServer, type RpcService, type SyncRequest } from '../../rpc/index.js';
import type { PsMetrics } from './ps-metrics.js';
import type { ParameterShard, ShardSession } from './parameter-shard.js';

/** A shard's gRPC face: one stream for each worker. */
export function parameterServerService(name: string, shard: ParameterShard, metrics: PsMetrics): RpcService {
  const implementation: ParameterServerServiceServer = {
    sync: (call) => {
      const decoder = new ToShardDecoder();
      let session: ShardSession | undefined;
      call.on('data', (request: SyncRequest) => {
        try {
          if (request.message?.$case === 'open') {
            const { worker, epoch } = request.message.value;
            session = shard.connect(worker, epoch, (message) => {
              for (const response of encodeFromShard(message)) call.write(response);
            });
            return;
          }
          const message = decoder.add(request);
          if (session === undefined) throw new MillraceError('PROTOCOL', `${name}: a stream must begin with Open`);
          if (message === undefined) return;
          session.receive(message);
          metrics.count(message, shard);
        } catch (thrown) {
          failStream(call, thrown);
        }
      });
      call.on('end', () => call.end());
      call.on('error', () => undefined);
    },
  };
  return { name: `millrace.v1.ParameterServerService/${name}`, definition: ParameterServerServiceService, implementation };
}
