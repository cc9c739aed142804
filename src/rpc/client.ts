import { Metadata, type CallOptions, type ChannelOptions, type Client, type ClientUnaryCall, type ServiceError } from '@grpc/grpc-js';
import { channelCredentials, type TlsOptions } from './credentials.js';
import { maxMessageBytes } from './limits.js';
import { fromStatus } from './status.js';

/** Pings find a peer whose machine is gone, where TCP alone would wait for many minutes. */
const channelOptions: ChannelOptions = {
  'grpc.max_receive_message_length': maxMessageBytes,
  'grpc.max_send_message_length': maxMessageBytes,
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.use_local_subchannel_pool': 1,
  // The default of 64 KiB would have a model's weights wait for a round trip every 64 KiB.
  'grpc-node.flow_control_window': maxMessageBytes,
};

/** Makes a client of a generated class with our credentials and limits. */
export function dial<C extends Client>(
  make: new (address: string, credentials: ReturnType<typeof channelCredentials>, options: ChannelOptions) => C,
  address: string,
  tls?: TlsOptions,
): C {
  return new make(address, channelCredentials(tls), channelOptions);
}

export interface CallLimits {
  /** Name of the call for messages: 'ps 0 at 127.0.0.1:4000: Sync'. */
  readonly what: string;
  readonly deadlineMs: number;
}

/** One unary call with a deadline, as a promise. @throws what the peer threw; DEADLINE_EXCEEDED, UNAVAILABLE */
export function unary<Q, S>(
  call: (request: Q, metadata: Metadata, options: Partial<CallOptions>, done: (error: ServiceError | null, response: S) => void) => ClientUnaryCall,
  request: Q,
  { what, deadlineMs }: CallLimits,
): Promise<S> {
  return new Promise((resolve, reject) => {
    call(request, new Metadata({ waitForReady: true }), { deadline: Date.now() + deadlineMs }, (error, response) => {
      if (error === null) resolve(response);
      else reject(fromStatus(error, what));
    });
  });
}
