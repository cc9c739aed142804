import { Server, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { ServingStatusMap } from 'grpc-health-check';
import { MillraceError, systemClock, type Clock } from '../core/index.js';
import { closeAtExit } from './close-at-exit.js';
import { serverCredentials, type TlsOptions } from './credentials.js';
import { maxMessageBytes } from './limits.js';

type ServingStatus = ServingStatusMap[string];

export interface RpcServerOptions {
  /** Default 127.0.0.1: nothing outside this machine reaches the server unless told otherwise. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  readonly tls?: TlsOptions | undefined;
  /** Calls in flight get this long to end when the server closes, ms. Default 500. */
  readonly drainMs?: number;
  readonly clock?: Clock;
}

export interface RpcService {
  readonly name: string;
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** A listening gRPC server with the standard health service beside the given ones. */
export interface RpcServer {
  /** host:port, as peers dial it. */
  readonly address: string;
  close(): Promise<void>;
}

/** @throws PORT_IN_USE where the port is taken */
export async function startServer(services: readonly RpcService[], options: RpcServerOptions = {}): Promise<RpcServer> {
  const { host = '127.0.0.1', port = 0, tls, drainMs = 500, clock = systemClock } = options;
  closeAtExit();
  // Without so_reuseport 0 a second server on a taken port would share it silently.
  const server = new Server({
    'grpc.so_reuseport': 0,
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
  });
  // It brings protobufjs along, which clients do without.
  const { HealthImplementation } = await import('grpc-health-check');
  const health = new HealthImplementation(
    Object.fromEntries(['', ...services.map(({ name }) => name)].map((name): [string, ServingStatus] => [name, 'SERVING'])),
  );
  health.addToServer(server);
  for (const { definition, implementation } of services) server.addService(definition, implementation);
  const bound = await bind(server, host, port, tls);
  return {
    address: `${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () =>
      new Promise<void>((resolve) => {
        const cancel = clock.after(drainMs, () => {
          server.forceShutdown();
          resolve();
        });
        server.tryShutdown(() => {
          cancel();
          resolve();
        });
      }),
  };
}

function bind(server: Server, host: string, port: number, tls: TlsOptions | undefined): Promise<number> {
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, serverCredentials(tls), (error, bound) => {
      if (error === null) {
        resolve(bound);
        return;
      }
      server.forceShutdown();
      const taken = /EADDRINUSE/.test(error.message);
      const fix = taken ? 'the port is in use; stop the other program, or choose another port (0 takes any free one)' : error.message;
      reject(new MillraceError(taken ? 'PORT_IN_USE' : 'IO_FAILED', `server on ${address}: ${fix}`, { details: { host, port }, cause: error }));
    });
  });
}
