export * from './client.js';
export * from './credentials.js';
export * from './floats.js';
export * from './handlers.js';
export * from './limits.js';
export * from './server.js';
export * from './status.js';
export type {
  ClientDuplexStream,
  ClientReadableStream,
  ClientWritableStream,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceError,
  sendUnaryData,
} from '@grpc/grpc-js';
export * from './generated/millrace/v1/tensor.js';
export * from './generated/millrace/v1/application_manager.js';
export * from './generated/millrace/v1/application_manager_service.js';
export * from './generated/millrace/v1/parameter_server.js';
export * from './generated/millrace/v1/parameter_server_service.js';
