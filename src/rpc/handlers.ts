import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import type { EventEmitter } from 'node:events';
import { toStatus } from './status.js';

/** A unary method from a function: what it throws ends the call with its status. */
export function unaryHandler<Q, S>(answer: (request: Q) => S | Promise<S>): (call: ServerUnaryCall<Q, S>, done: sendUnaryData<S>) => void {
  return (call, done) => {
    void (async () => {
      try {
        done(null, await answer(call.request));
      } catch (thrown) {
        done(toStatus(thrown));
      }
    })();
  };
}

/** Ends a server stream with the status of an error. */
export function failStream(call: EventEmitter, thrown: unknown): void {
  call.emit('error', toStatus(thrown));
}
